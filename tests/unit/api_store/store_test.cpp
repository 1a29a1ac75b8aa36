// What every store promises of changes, asked of the SQLite store.
#include <catch2/catch.hpp>
#include <thread>

#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/unit/api_store/store_fixture.hpp"

using namespace jobengine;
using namespace jobengine::tests::stores;

TEST_CASE("store: put, get, replace, remove, and each change raises the revision", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    CHECK_FALSE(tests::awaited(store.get("job/1")));
    Changes first = {putting(job("job/1"))};
    const auto made = co_await store.change(std::move(first));
    REQUIRE(made.at(0));
    const auto stored = tests::awaited(store.get("job/1"));
    REQUIRE(stored);
    CHECK(stored->document == job("job/1"));
    CHECK(stored->revision == made[0]->revision);

    Changes second = {putting(job("job/1", {{"progress", 5}})), removing("job/none")};
    const auto changed = co_await store.change(std::move(second));
    CHECK(changed.at(0)->revision > stored->revision);
    CHECK_FALSE(changed.at(1));
    CHECK(tests::awaited(store.get("job/1"))->document.at("progress") == 5);

    Changes third = {removing("job/1")};
    const auto removed = co_await store.change(std::move(third));
    CHECK_FALSE(removed.at(0));
    CHECK_FALSE(tests::awaited(store.get("job/1")));

    // Made again, it gets no revision it had before.
    Changes fourth = {putting(job("job/1"))};
    const auto again = co_await store.change(std::move(fourth));
    CHECK(again.at(0)->revision > changed[0]->revision);
  });
}

TEST_CASE("store: a decision sees what earlier changes decided, and Keep leaves it", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Changes changes;
    changes.push_back(putting(job("job/1", {{"progress", 1}})));
    changes.push_back({"job/1", [](const StoredDocument* current) {
                         auto document = current->document;
                         document["progress"] = document["progress"].get<int>() + 10;
                         return Decision{Decision::Kind::Put, document, false};
                       }});
    changes.push_back({"job/1", [](const StoredDocument*) { return Decision{}; }});
    changes.push_back({"job/2", [](const StoredDocument* current) {
                         CHECK(current == nullptr);
                         return Decision{};
                       }});
    const auto results = co_await open.store->change(std::move(changes));
    CHECK(results.at(0)->document.at("progress") == 1);
    CHECK(results.at(2)->document.at("progress") == 11);
    CHECK_FALSE(results.at(3));
    CHECK(tests::awaited(open.store->get("job/1"))->document.at("progress") == 11);
  });
}

TEST_CASE("store: a thousand concurrent increments from several loops lose nothing", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    std::vector<json> documents = {job("job/1", {{"progress", 0}})};
    co_await put_all(*open.store, documents, false);
  });
  auto increment = [](Store& store) -> awaitable<void> {
    Changes changes;
    changes.push_back({"job/1", [](const StoredDocument* current) {
                         auto document = current->document;
                         document["progress"] = document["progress"].get<int>() + 1;
                         return Decision{Decision::Kind::Put, document, false};
                       }});
    co_await store.change(std::move(changes));
  };
  std::vector<std::thread> loops;
  for (int i = 0; i < 4; ++i) {
    loops.emplace_back([&open, &increment] {
      asio::io_context loop(1);
      runtime::TaskGroup group(loop.get_executor());
      for (int n = 0; n < 250; ++n) group.spawn(increment(*open.store));
      loop.run();
    });
  }
  for (auto& loop : loops) loop.join();
  CHECK(tests::awaited(open.store->get("job/1"))->document.at("progress") == 1000);
}

TEST_CASE("store: a change that fails hurts only its own caller", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context& loop) -> awaitable<void> {
    Store& store = *open.store;
    runtime::TaskGroup group(loop.get_executor());
    int done = 0;
    int failed = 0;
    auto attempt = [](Store& into, Changes changes, int& good, int& bad) -> awaitable<void> {
      try {
        co_await into.change(std::move(changes));
        ++good;
      } catch (const StoreUnavailable&) {
        FAIL("not the store's fault");
      } catch (const std::exception&) {
        ++bad;
      }
    };
    for (int i = 0; i < 30; ++i) {
      const auto id = "job/" + std::to_string(i);
      Changes changes = {putting(job(id))};
      if (i % 10 == 3) {
        changes.push_back({"job/x", [](const StoredDocument*) -> Decision {
                             throw std::runtime_error("cannot decide");
                           }});
      }
      if (i % 10 == 5) changes.push_back(putting(job("no collection")));
      if (i % 10 == 7) changes.push_back(putting(job("job/y", {{"name", "\xFF\xFE"}})));
      group.spawn(attempt(store, std::move(changes), done, failed));
    }
    co_await group.join();
    CHECK(done == 21);
    CHECK(failed == 9);
    CHECK(tests::awaited(store.search(all_jobs())).count == 21);
    CHECK_FALSE(tests::awaited(store.get("job/3")));
    CHECK_FALSE(tests::awaited(store.get("job/5")));
    CHECK(tests::awaited(store.get("job/4")));
  });
}

TEST_CASE("store: what was answered is there after reopening", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    std::vector<json> documents = {job("job/1"), job("job/2")};
    co_await put_all(*open.store, documents, true);
    co_await open.store->put_setting("cookie-key", "secret");
    co_await open.store->put_setting("cookie-key", "other");
  });
  const auto before = tests::awaited(open.store->get("job/1"));
  open.reopen();
  const auto after = tests::awaited(open.store->get("job/1"));
  REQUIRE(after);
  CHECK(after->document == before->document);
  CHECK(after->revision == before->revision);
  CHECK(after->awaits_entry);
  CHECK(tests::awaited(open.store->setting("cookie-key")) == "other");
  CHECK_FALSE(tests::awaited(open.store->setting("none")));
}

TEST_CASE("store: closing finishes the writes that are queued", "[store]") {
  OpenStore open;
  asio::io_context loop(1);
  runtime::TaskGroup group(loop.get_executor());
  for (int i = 0; i < 50; ++i) {
    std::vector<json> documents = {job("job/" + std::to_string(i))};
    group.spawn(put_all(*open.store, documents, false));
  }
  loop.poll();  // every write is queued now, some may be answered
  open.store.reset();
  loop.run();
  open.reopen();
  CHECK(tests::awaited(open.store->search(all_jobs())).count == 50);
}
