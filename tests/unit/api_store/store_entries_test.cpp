// What a store knows of the queue entries of its jobs.
#include <catch2/catch.hpp>

#include "tests/unit/api_store/store_fixture.hpp"

using namespace jobengine;
using namespace jobengine::tests::stores;

TEST_CASE("store: jobs wait for entries by priority, then age; entries end the wait", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    std::vector<json> documents = {
        job("job/1", {{"created", "2024-01-02T00:00:00.000Z"}}),
        job("job/2", {{"created", "2024-01-03T00:00:00.000Z"}, {"priority", 50}}),
        job("job/3", {{"created", "2024-01-01T00:00:00.000Z"}}),
        job("job/4", {{"created", "2024-01-04T00:00:00.000Z"}, {"priority", 0}}),
        job("job/5", {{"state", "SUCCESS"}, {"tags", {"kept"}}})};
    co_await put_all(store, documents, true);
    std::vector<json> others = {job("job/6")};
    co_await put_all(store, others, false);
    const auto waiting = [&store](std::int64_t limit) {
      std::string text;
      for (const auto& entry : tests::awaited(store.awaiting_entries(limit))) {
        text += entry.id.substr(4) + ":" + std::to_string(entry.priority) + " ";
      }
      return text;
    };
    CHECK(waiting(10) == "4:0 2:50 3:999 5:999 1:999 ");
    CHECK(waiting(2) == "4:0 2:50 ");
    CHECK(tests::awaited(store.awaiting_count()) == 5);

    const auto revision = tests::awaited(store.get("job/4"))->revision;
    std::vector<Store::EntryMade> made = {{"job/4", "/job/entries/entry-000-0000000001"},
                                          {"job/5", "/job/entries/entry-999-0000000002"},
                                          {"job/none", "/job/entries/entry-999-0000000003"}};
    co_await store.entries_made(std::move(made));
    CHECK(waiting(10) == "2:50 3:999 1:999 ");
    CHECK(tests::awaited(store.get("job/4"))->document.at("tags") ==
          json{"/job/entries/entry-000-0000000001"});
    CHECK_FALSE(tests::awaited(store.get("job/4"))->awaits_entry);
    CHECK(tests::awaited(store.get("job/4"))->revision == revision);
    CHECK(tests::awaited(store.get("job/5"))->document.at("tags") == json{"kept"});
    CHECK(tests::awaited(store.get("job/5"))->document.at("state") == "SUCCESS");
    CHECK_FALSE(tests::awaited(store.get("job/none")));
  });
}

TEST_CASE("store: an entry is noted in the job's own tags, whatever else looks like them",
          "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    const json waiting = {"awaits-entry"};
    const json before = job("job/1", {{"state", "QUEUED"},
                                      {"tags", waiting},
                                      {"affected", {{"tags", waiting}}},
                                      {"payload", "\"tags\":[\"awaits-entry\"]"}});
    auto plain = before;
    plain["id"] = "job/2";
    plain.erase("affected");
    std::vector<json> documents = {before, plain};
    co_await put_all(store, documents, true);
    std::vector<Store::EntryMade> made = {{"job/1", "/job/entries/entry-999-0000000001"},
                                          {"job/2", "/job/entries/entry-999-0000000002"}};
    co_await store.entries_made(std::move(made));
    for (auto expected : documents) {
      const auto id = expected["id"].get<std::string>();
      expected["tags"] = json{"/job/entries/entry-999-000000000" + id.substr(4)};
      const auto after = tests::awaited(store.get(id));
      CHECK(after->document == expected);
      CHECK_FALSE(after->awaits_entry);
    }
    CHECK(tests::awaited(store.awaiting_count()) == 0);
  });
}

// The executor that took the entry can be quicker than we are at noting it: a bulk action leaves
// its job RUNNING with tags that others search for.
TEST_CASE("store: an entry noted late leaves the tags of the one who runs the job", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    std::vector<json> documents = {job("job/1", {{"state", "RUNNING"}, {"tags", {"monitor"}}}),
                                   job("job/2", {{"state", "RUNNING"}})};
    co_await put_all(store, documents, false);
    std::vector<Store::EntryMade> made = {{"job/1", "/job/entries/entry-999-0000000001"},
                                          {"job/2", "/job/entries/entry-999-0000000002"}};
    co_await store.entries_made(std::move(made));
    CHECK(tests::awaited(store.get("job/1"))->document.at("tags") == json{"monitor"});
    CHECK(tests::awaited(store.get("job/2"))->document.at("tags") ==
          json{"/job/entries/entry-999-0000000002"});
  });
}
