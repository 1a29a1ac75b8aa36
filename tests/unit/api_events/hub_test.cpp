// The hub, on a real store whose thread commits while subscribers come and go on loops of their
// own.
#include "api/events/hub.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "common/runtime/task_group.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api;
using namespace jobengine::api::events;
using nlohmann::json;

namespace {

struct Observed {
  tests::TemporaryDirectory folder;
  Hub hub;
  std::unique_ptr<store::Store> store =
      store::open_sqlite_store((folder.path() / "jobs.db").string());
  Observed() { store->observe(hub.observer()); }
};

store::Change counting(const std::string& id) {
  store::Change change;
  change.id = id;
  change.decide = [id](const store::StoredDocument* current) {
    store::Decision decision;
    decision.kind = store::Decision::Kind::Put;
    decision.document = current != nullptr ? current->document : json{{"id", id}, {"n", 0}};
    decision.document["n"] = decision.document["n"].get<int>() + 1;
    decision.document["acl"] = {{"owners", {"group/nuvla-admin"}}};
    return decision;
  };
  return change;
}

awaitable<void> commit(store::Store& store, std::string id) {
  std::vector<store::Change> changes;
  changes.push_back(counting(id));
  co_await store.change(std::move(changes));
}

awaitable<void> barrier(store::Store& store) {
  std::vector<store::Change> none;
  co_await store.change(std::move(none));
}

int number(const store::StoredDocument& stored) {
  return stored.document["n"].get<int>();
}

}  // namespace

TEST_CASE("hub: nobody interested, nothing gathered", "[events]") {
  Hub hub;
  const auto observer = hub.observer();
  CHECK_FALSE(observer.interested());
  asio::io_context loop;
  {
    const auto subscription =
        hub.subscribe({{"job/1"}, ""}, loop.get_executor(), [](const News&) {});
    CHECK(observer.interested());
  }
  CHECK_FALSE(observer.interested());
  CHECK(hub.subscriptions() == 0);
}

TEST_CASE("hub: by id the newest, by collection everything in order", "[events]") {
  Hub hub;
  asio::io_context loop;
  std::vector<std::string> by_id;
  std::vector<std::string> by_collection;
  const auto note = [](std::vector<std::string>& where) {
    return [&where](const News& news) {
      for (const auto& change : news.changes) {
        where.push_back(change.id() + (change.after()
                                           ? "@" + std::to_string(change.after()->revision)
                                           : " gone"));
      }
    };
  };
  const auto one = hub.subscribe({{"job/1"}, ""}, loop.get_executor(), note(by_id));
  const auto all = hub.subscribe({{}, "job"}, loop.get_executor(), note(by_collection));
  const auto committed = [](const std::string& id, std::int64_t revision) {
    store::Committed change;
    change.id = id;
    if (revision > 0) {
      change.after = std::make_shared<store::StoredDocument>(
          store::StoredDocument{id, json::object(), revision, false, {}});
    }
    return change;
  };
  const auto observer = hub.observer();
  observer.committed({committed("job/1", 1), committed("job/2", 2), committed("user/1", 3)});
  observer.committed({committed("job/1", 4)});
  observer.committed({committed("job/2", 0)});
  loop.run();
  CHECK(by_id == std::vector<std::string>{"job/1@4"});
  CHECK(by_collection == std::vector<std::string>{"job/1@1", "job/2@2", "job/1@4", "job/2 gone"});
}

TEST_CASE("hub: a loop that does not come round gets a bounded number of changes", "[events]") {
  Hub hub;
  asio::io_context loop;
  bool lost = false;
  std::size_t told = 0;
  const auto all = hub.subscribe({{}, "job"}, loop.get_executor(), [&](const News& news) {
    lost = news.lost;
    told += news.changes.size();
  });
  const auto observer = hub.observer();
  for (std::size_t i = 0; i < most_waiting_changes + 10; ++i) {
    observer.committed({{"job/" + std::to_string(i), nullptr}});
  }
  loop.run();
  CHECK(lost);
  CHECK(told <= most_waiting_changes);
}

TEST_CASE("hub: nothing is told after the end of a subscription", "[events]") {
  Hub hub;
  asio::io_context loop;
  bool told = false;
  auto subscription =
      hub.subscribe({{"job/1"}, ""}, loop.get_executor(), [&](const News&) { told = true; });
  hub.observer().committed({{"job/1", nullptr}});
  subscription = Hub::Subscription();
  loop.run();
  CHECK_FALSE(told);
}

// The promise behind every stream: what is read after subscribing and what is told make a whole.
TEST_CASE("hub: who subscribes, waits for the barrier and reads misses no commit", "[events]") {
  Observed observed;
  constexpr int writers = 4;
  constexpr int commits = 300;
  std::atomic<int> writing = writers;
  std::vector<std::thread> threads;
  for (int i = 0; i < writers; ++i) {
    threads.emplace_back([&, id = "job/" + std::to_string(i)] {
      asio::io_context loop;
      asio::co_spawn(
          loop,
          [](store::Store* store, std::string job) -> awaitable<void> {
            for (int n = 0; n < commits; ++n) co_await commit(*store, job);
          }(observed.store.get(), id),
          [](const std::exception_ptr& failure) {
            if (failure) std::rethrow_exception(failure);
          });
      loop.run();
      --writing;
    });
  }
  std::atomic<int> wrong = 0;
  std::atomic<int> looked = 0;
  const auto look = [](Observed* all, std::string id,
                       std::atomic<int>* failures) -> awaitable<void> {
    const runtime::Executor loop = co_await asio::this_coro::executor;
    Interest interest;
    interest.collection = "job";
    std::vector<int> seen;
    Tell tell = [&seen, id](const News& news) {
      for (const auto& change : news.changes) {
        if (change.id() == id) seen.push_back(number(*change.after()));
      }
    };
    const auto subscription = all->hub.subscribe(std::move(interest), loop, std::move(tell));
    co_await barrier(*all->store);
    const auto read = co_await all->store->get(id);
    int last = read ? number(*read) : 0;
    for (int round = 0; round < 5; ++round) co_await barrier(*all->store);
    const auto again = co_await all->store->get(id);
    // What the last read saw was committed, and with it posted, before the barrier after it ends.
    co_await barrier(*all->store);
    co_await asio::post(loop, use_awaitable);
    for (const int n : seen) {
      if (n <= last) continue;
      if (n != last + 1) ++*failures;
      last = n;
    }
    if (again && last < number(*again)) ++*failures;
  };
  std::vector<std::thread> lookers;
  for (int i = 0; i < 3; ++i) {
    lookers.emplace_back([&, id = "job/" + std::to_string(i)] {
      while (writing > 0) {
        asio::io_context loop;
        asio::co_spawn(loop, look(&observed, id, &wrong), [](const std::exception_ptr& failure) {
          if (failure) std::rethrow_exception(failure);
        });
        loop.run();
        ++looked;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (auto& thread : lookers) thread.join();
  CHECK(wrong == 0);
  CHECK(looked > 0);
  CHECK(observed.hub.subscriptions() == 0);
}

TEST_CASE("hub: what a commit costs does not grow with subscribers of other documents",
          "[events]") {
  Hub hub;
  asio::io_context loop;
  std::vector<Hub::Subscription> subscriptions;
  std::size_t told = 0;
  for (int i = 0; i < 10'000; ++i) {
    subscriptions.push_back(hub.subscribe({{"job/" + std::to_string(i)}, ""}, loop.get_executor(),
                                          [&](const News& news) { told += news.changes.size(); }));
  }
  const auto observer = hub.observer();
  const auto begun = runtime::Clock::now();
  constexpr int commits = 10'000;
  for (int i = 0; i < commits; ++i) observer.committed({{"job/" + std::to_string(i), nullptr}});
  const std::chrono::duration<double> took = runtime::Clock::now() - begun;
  loop.run();
  CHECK(told == commits);
  // Looking at each subscriber would make it 10^8 looks, which take seconds.
  CHECK(took.count() < 1.0);
}
