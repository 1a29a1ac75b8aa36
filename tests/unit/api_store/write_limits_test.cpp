// Writes that cannot be made are told so in time, and are not made later.
#include <catch2/catch.hpp>
#include <map>

#include "api/store/handed_over.hpp"
#include "api/store/sqlite_connection.hpp"
#include "api/store/store.hpp"
#include "api/store/write_health.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api::store;
using nlohmann::json;
using std::chrono::milliseconds;
using Cause = StoreUnavailable::Cause;
using Outcome = HandedOver::Outcome;

namespace {

constexpr auto a_moment = milliseconds(30);

awaitable<void> put(Store* store, std::string id) {
  const json document = {{"id", id}};
  std::vector<Change> changes;
  changes.push_back({id, [document](const StoredDocument*) {
                       return Decision{Decision::Kind::Put, document, false};
                     }});
  co_await store->change(std::move(changes));
}

// Counts by what refused it, "" for none.
awaitable<void> try_put(Store* store, std::string id, std::map<std::string, int>* outcomes) {
  std::string cause;
  try {
    co_await put(store, id);
  } catch (const StoreUnavailable& failure) {
    cause = text(failure.cause);
  }
  ++(*outcomes)[cause];
}

}  // namespace

TEST_CASE("store: behind a lock of others writes wait in bounded number and time", "[store]") {
  const tests::TemporaryDirectory folder;
  const auto file = (folder.path() / "jobs.db").string();
  WriteLimits limits;
  limits.most_waiting = 3;
  limits.longest_wait = milliseconds(300);
  limits.longest_lock = std::chrono::seconds(30);
  const auto store = open_sqlite_store(file, limits);
  Connection other(file, Connection::Access::ReadAndWrite);
  tests::run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
    co_await put(store.get(), "job/before");
    other.run("BEGIN IMMEDIATE");
    std::map<std::string, int> outcomes;
    runtime::TaskGroup group(loop.get_executor());
    for (int i = 0; i < 10; ++i) {
      group.spawn(try_put(store.get(), "job/" + std::to_string(i), &outcomes));
    }
    co_await group.join();
    CHECK(outcomes == std::map<std::string, int>{{"busy", 10}});
    CHECK_THAT(store->write_trouble(), Catch::Contains("wait"));
    CHECK(tests::awaited(store->get("job/before")));
    other.run("ROLLBACK");
    co_await put(store.get(), "job/after");
    SearchRequest all;
    all.collection = "job";
    all.visibility.everything = true;
    const auto found = co_await store->search(all);
    CHECK(found.count == 2);
  });
}

TEST_CASE("handed over: work that has begun is waited for, unless it ends alone", "[store]") {
  tests::run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const HandedOver::Patience patience{a_moment, 2 * a_moment};

    const auto never_begun = std::make_shared<HandedOver>(loop.get_executor());
    auto outcome = co_await never_begun->finished(patience);
    CHECK(outcome == Outcome::NeverBegun);
    CHECK_FALSE(never_begun->begin());

    const auto alone = std::make_shared<HandedOver>(loop.get_executor());
    CHECK(alone->begin());
    alone->end_alone();
    outcome = co_await alone->finished(patience);
    CHECK(outcome == Outcome::NotEndedYet);
    alone->finish(nullptr);  // nobody is there any more

    const auto slow = std::make_shared<HandedOver>(loop.get_executor());
    CHECK(slow->begin());
    asio::steady_timer timer(loop, 5 * a_moment);
    timer.async_wait([slow](const boost::system::error_code&) { slow->finish(nullptr); });
    outcome = co_await slow->finished(patience);
    CHECK(outcome == Outcome::Done);
  });
}

TEST_CASE("write health: trouble ends with a success some time after the last failure", "[store]") {
  WriteHealth health;
  CHECK(health.trouble().empty());
  health.failed({Cause::Full, "no room"}, 3);
  health.failed({Cause::Busy, "too slow"}, 1);
  CHECK(health.troubled());
  CHECK(health.trouble() == "too slow");
  health.succeeded();  // too early to be believed
  CHECK(health.troubled());
}
