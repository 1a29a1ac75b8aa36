// What the store has answered survives the death of the process; what it could not write is never
// answered.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <sstream>

#include "api/store/store.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api::store;
using nlohmann::json;

namespace {

// Runs the acknowledging program until it has printed this much, then kills it. Returns all it
// printed.
std::string killed_after(const std::string& file, std::size_t enough) {
  const std::string program = tests::build_directory() + "/tests/api_store_acknowledging";
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::execl(program.c_str(), program.c_str(), file.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string printed;
  bool killed = false;
  char block[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], block, sizeof block)) > 0;) {
    printed.append(block, static_cast<std::size_t>(got));
    if (printed.size() < enough || killed) continue;
    ::kill(child, SIGKILL);
    killed = true;
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  return printed;
}

awaitable<void> put(Store& store, std::string id, std::string payload) {
  const json document = {{"id", id}, {"payload", payload}};
  std::vector<Change> changes;
  changes.push_back({id, [document](const StoredDocument*) {
                       return Decision{Decision::Kind::Put, document, false};
                     }});
  co_await store.change(std::move(changes));
}

}  // namespace

TEST_CASE("store: what was answered before kill -9 is there afterwards", "[store]") {
  const tests::TemporaryDirectory folder;
  const auto file = (folder.path() / "jobs.db").string();
  for (int round = 1; round <= 3; ++round) {
    std::istringstream printed(killed_after(file, static_cast<std::size_t>(round) * 3000));
    const auto store = open_sqlite_store(file);
    int answered = 0;
    for (std::string id; std::getline(printed, id);) {
      CAPTURE(id);
      REQUIRE(tests::awaited(store->get(id)));
      ++answered;
    }
    CHECK(answered > 100);
  }
}

// A limit on the size of files stands for a full disk.
TEST_CASE("store: a write without room is refused, and later ones go on", "[store]") {
  const tests::TemporaryDirectory folder;
  const auto file = (folder.path() / "jobs.db").string();
  ::signal(SIGXFSZ, SIG_IGN);
  tests::run_on_loop([&file](asio::io_context& loop) -> awaitable<void> {
    const auto store = open_sqlite_store(file);
    co_await put(*store, "job/before", "x");
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit tight = before;
    tight.rlim_cur = 300'000;
    ::setrlimit(RLIMIT_FSIZE, &tight);
    runtime::TaskGroup group(loop.get_executor());
    int refused = 0;
    auto attempt = [](Store& into, std::string id, int& count) -> awaitable<void> {
      try {
        co_await put(into, id, std::string(200'000, 'x'));
      } catch (const StoreUnavailable& failure) {
        CHECK(failure.cause == StoreUnavailable::Cause::Full);
        ++count;
      }
    };
    for (int i = 0; i < 10; ++i) group.spawn(attempt(*store, "job/" + std::to_string(i), refused));
    co_await group.join();
    // Reading goes on while there is no room.
    const auto still = co_await store->get("job/before");
    CHECK(still);
    ::setrlimit(RLIMIT_FSIZE, &before);
    CHECK(refused > 0);
    SearchRequest all;
    all.collection = "job";
    all.visibility.everything = true;
    CHECK(tests::awaited(store->search(all)).count == 11 - refused);
    co_await put(*store, "job/after", "x");
    CHECK(tests::awaited(store->get("job/after")));
    CHECK(tests::awaited(store->get("job/before")));
  });
}
