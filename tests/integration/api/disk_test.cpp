// job-api on a disk that is full, read-only, failing or slow: what it has answered stays, what it
// refuses leaves no trace, reads go on, and it recovers by itself.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "api/store/sqlite_connection.hpp"
#include "tests/integration/api/exchange.hpp"
#include "tests/integration/api/wire.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr const char* administrator = "group/nuvla-admin";

bool within(seconds time, const std::function<bool()>& holds) {
  bool reached = false;
  auto wait = [&](asio::io_context&) -> awaitable<void> {
    reached = co_await eventually(holds, time);
  };
  run_on_loop(wait, time + seconds(30));
  return reached;
}

json job(const std::string& name, std::size_t size) {
  json document;
  document["action"] = "disk";
  document["execution-mode"] = "pull";
  document["name"] = name;
  document["payload"] = std::string(size, 'x');
  return document;
}

// job-api with its telemetry, and a record of what it has acknowledged.
class Bench {
 public:
  explicit Bench(const std::filesystem::path& folder, std::vector<std::string> environment = {})
      : database_((folder / "job-api.sqlite").string()), server_(options(environment)) {
    REQUIRE(within(seconds(30), [&] { return telemetry_port() != 0; }));
  }

  ApiServer& server() { return server_; }
  const std::string& database() const { return database_; }
  Caller caller() const { return {server_.port(), administrator}; }

  // What the answer was; what is acknowledged is remembered.
  Answer add(std::size_t size = 10'000) {
    const auto name = "job-" + std::to_string(++asked_);
    auto answer = caller().add("job", job(name, size));
    if (answer.status == 201) acknowledged_.push_back(answer.body["resource-id"]);
    return answer;
  }
  std::size_t acknowledged() const { return acknowledged_.size(); }
  // Adds jobs until one is refused.
  Answer add_until_refused(std::size_t size = 10'000) {
    for (int i = 0; i < 2000; ++i) {
      auto answer = add(size);
      if (answer.status != 201) return answer;
    }
    FAIL("nothing was refused");
    return {};
  }

  std::string ready() const { return telemetry("/readyz"); }
  std::string metrics() const { return telemetry("/metrics"); }
  std::size_t logged(const std::string& text) const {
    const auto log = server_.log();
    std::size_t count = 0;
    for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++count;
    return count;
  }

  // Reads by id and searches answer.
  void expect_reads() const {
    const auto one = caller().get(acknowledged_.front());
    CHECK(one.status == 200);
    const auto all = caller().get("job?last=1");
    CHECK(all.status == 200);
    CHECK(all.body["count"] == acknowledged_.size());
  }
  // Exactly what was acknowledged is there, now and after a kill -9, and the database is whole.
  void expect_all_kept() {
    expect_reads();
    server_.kill();
    {
      api::store::Connection connection(database_, api::store::Connection::Access::Read);
      CHECK(connection.text("PRAGMA integrity_check") == "ok");
    }
    server_.restart();
    expect_reads();
    for (const auto& id : acknowledged_) {
      CAPTURE(id);
      CHECK(caller().get(id).status == 200);
    }
  }

 private:
  ApiServerOptions options(const std::vector<std::string>& environment) const {
    ApiServerOptions options;
    options.arguments = {"--trust-authn-header", "--telemetry-port", "0"};
    options.database = database_;
    options.environment = environment;
    return options;
  }
  // 0: not said yet.
  int telemetry_port() const {
    std::istringstream log(server_.log());
    int port = 0;
    for (std::string line; std::getline(log, line);) {
      const auto said = json::parse(line, nullptr, false);
      if (!said.is_object()) continue;
      const bool here = said.value("message", "") == "serving /healthz, /readyz and /metrics";
      if (here) port = said.at("port").get<int>();
    }
    return port;
  }
  std::string telemetry(const std::string& path) const {
    return converse(static_cast<std::uint16_t>(telemetry_port()),
                    "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }

  std::string database_;
  ApiServer server_;
  std::vector<std::string> acknowledged_;
  int asked_ = 0;
};

constexpr const char* begins = "the store does not take writes";
constexpr const char* ends = "the store takes writes again";

// From the first refused write on: what is answered and told while it lasts.
void expect_trouble(Bench& bench, const Answer& refusal, int status, const std::string& cause) {
  CHECK(refusal.status == status);
  CHECK(refusal.header("Retry-After") == "1");
  CHECK(refusal.body.value("status", 0) == status);
  CHECK_THAT(refusal.message(), Catch::Contains("the store cannot write"));
  for (int i = 0; i < 10; ++i) CHECK(bench.add().status == status);
  bench.expect_reads();
  CHECK_THAT(bench.ready(),
             Catch::StartsWith("HTTP/1.1 503") && Catch::Contains("the store cannot write"));
  CHECK_THAT(bench.metrics(), Catch::Contains("jobengine_api_writes_failing 1"));
  CHECK_THAT(bench.metrics(),
             Catch::Contains("jobengine_api_writes_refused_total{cause=\"" + cause + "\"} 11"));
  CHECK(bench.logged(begins) == 1);
  CHECK(bench.logged(ends) == 0);
}

// When the reason is gone.
void expect_recovery(Bench& bench) {
  CHECK(bench.add().status == 201);
  // Without any further write.
  CHECK(within(seconds(30), [&] { return bench.ready().starts_with("HTTP/1.1 200"); }));
  CHECK_THAT(bench.metrics(), Catch::Contains("jobengine_api_writes_failing 0"));
  CHECK(bench.logged(begins) == 1);
  CHECK(bench.logged(ends) == 1);
  bench.expect_all_kept();
}

void limit_file_size(int pid, rlim_t size) {
  rlimit limit{};
  REQUIRE(::prlimit(pid, RLIMIT_FSIZE, nullptr, &limit) == 0);
  limit.rlim_cur = std::min(size, limit.rlim_max);
  REQUIRE(::prlimit(pid, RLIMIT_FSIZE, &limit, nullptr) == 0);
}

TEST_CASE("job-api: no room for files as long as these", "[api][disk]") {
  const TemporaryDirectory folder;
  Bench bench(folder.path());
  REQUIRE(bench.add().status == 201);
  const auto written = std::filesystem::file_size(bench.database() + "-wal");
  limit_file_size(bench.server().pid(), written + 200'000);
  const auto refusal = bench.add_until_refused();
  CHECK(bench.acknowledged() > 1);
  expect_trouble(bench, refusal, 507, "full");
  limit_file_size(bench.server().pid(), RLIM_INFINITY);
  expect_recovery(bench);
}

// In a mount namespace of this thread and what it starts: gone with them.
bool mount_small_disk(const std::filesystem::path& place) {
  if (::unshare(CLONE_NEWNS) != 0) return false;
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  return ::mount("none", place.c_str(), "tmpfs", 0, "size=12m") == 0;
}

void fill(const std::filesystem::path& file, std::size_t leave_free) {
  const auto space = std::filesystem::space(file.parent_path());
  std::ofstream(file) << std::string(space.available - leave_free, 'x');
}

// On a thread of its own: a mount namespace belongs to a thread.
void on_small_disk(const std::function<void(const std::filesystem::path&)>& body) {
  const TemporaryDirectory folder;
  bool mounted = false;
  std::exception_ptr failure;
  std::thread thread([&] {
    mounted = mount_small_disk(folder.path());
    if (!mounted) return;
    try {
      body(folder.path());
    } catch (...) {
      failure = std::current_exception();
    }
    ::umount2(folder.path().c_str(), MNT_DETACH);
  });
  thread.join();
  if (!mounted) WARN("skipped: mounting a tmpfs is not allowed here");
  if (failure) std::rethrow_exception(failure);
}

TEST_CASE("job-api: the disk is full and has room again", "[api][disk]") {
  on_small_disk([](const std::filesystem::path& disk) {
    Bench bench(disk);
    REQUIRE(bench.add().status == 201);
    fill(disk / "others", 300'000);
    const auto refusal = bench.add_until_refused();
    expect_trouble(bench, refusal, 507, "full");
    std::filesystem::remove(disk / "others");
    expect_recovery(bench);
  });
}

// The log is copied into the database while there is no room for it: by then the commits in it have
// been acknowledged.
TEST_CASE("job-api: the disk is full when the write-ahead log is copied", "[api][disk]") {
  on_small_disk([](const std::filesystem::path& disk) {
    Bench bench(disk);
    // Beyond SQLite's 1000 pages the log is copied with every commit, as far as there is room.
    std::uintmax_t in_database = 0;
    bench.add_until_refused(100'000);
    in_database = std::filesystem::file_size(bench.database());
    CHECK(in_database > 1'000'000);
    const auto log = std::filesystem::file_size(bench.database() + "-wal");
    CHECK(log > 4'000'000);
    CHECK(bench.add(100'000).status == 507);
    bench.expect_all_kept();
  });
}

TEST_CASE("job-api: a start on a full disk says so", "[api][disk]") {
  on_small_disk([](const std::filesystem::path& disk) {
    {
      const ApiServer server({{}, {}, (disk / "job-api.sqlite").string()});
    }
    std::filesystem::remove(disk / "job-api.sqlite-shm");
    fill(disk / "others", 0);
    CHECK_THROWS_WITH(ApiServer({{}, {}, (disk / "job-api.sqlite").string()}),
                      Catch::Contains("No space left on device"));
    std::filesystem::remove(disk / "others");
    const ApiServer server({{}, {}, (disk / "job-api.sqlite").string()});
  });
}

// A disk that does what it is told.
class SickDisk {
 public:
  std::vector<std::string> environment() const {
    return {"LD_PRELOAD=" + build_directory() + "/tests/libje_disk_fault.so",
            "JE_DISK_FAULT=" + order().string(), "ASAN_OPTIONS=verify_asan_link_order=0"};
  }
  void does(const std::string& word) const {
    const auto next = folder_.path() / "next";
    std::ofstream(next) << word;
    std::filesystem::rename(next, order());
  }
  void recovers() const { std::filesystem::remove(order()); }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  std::filesystem::path order() const { return folder_.path() / "order"; }
  TemporaryDirectory folder_;
};

TEST_CASE("job-api: the database becomes read-only, or its disk fails", "[api][disk]") {
  struct Case {
    const char* word;
    int status;
    const char* cause;
  };
  const auto one = GENERATE(Case{"read-only", 503, "read-only"}, Case{"failing", 503, "failing"},
                            Case{"no-sync", 503, "failing"}, Case{"full", 507, "full"});
  CAPTURE(one.word);
  const SickDisk disk;
  Bench bench(disk.path(), disk.environment());
  REQUIRE(bench.add().status == 201);
  disk.does(one.word);
  const auto refusal = bench.add();
  expect_trouble(bench, refusal, one.status, one.cause);
  disk.recovers();
  expect_recovery(bench);
}

// Adds one job while something holds it up, and counts the reads that are answered meanwhile.
struct Meanwhile {
  Answer added;
  int reads = 0;
};
Meanwhile add_while_held(Bench& bench, int reads_at_least, const std::function<void()>& let_go) {
  Meanwhile result;
  std::atomic<bool> over = false;
  std::thread adding([&] {
    result.added = bench.add();
    over = true;
  });
  while (!over && result.reads < reads_at_least) {
    const bool read = bench.caller().get("job?last=1").status == 200;
    if (read && !over) ++result.reads;
  }
  let_go();
  adding.join();
  return result;
}

TEST_CASE("job-api: a disk that hangs for a while holds up writes only", "[api][disk]") {
  const SickDisk disk;
  Bench bench(disk.path(), disk.environment());
  REQUIRE(bench.add().status == 201);
  disk.does("hanging");
  const auto result = add_while_held(bench, 50, [&] { disk.recovers(); });
  CHECK(result.reads == 50);
  CHECK(result.added.status == 201);
  bench.expect_all_kept();
}

TEST_CASE("job-api: a database that others lock is waited for, but not for ever", "[api][disk]") {
  const TemporaryDirectory folder;
  Bench bench(folder.path());
  REQUIRE(bench.add().status == 201);
  api::store::Connection other(bench.database(), api::store::Connection::Access::ReadAndWrite);
  other.run("BEGIN IMMEDIATE");
  const auto result = add_while_held(bench, 1'000'000, [] {});
  CHECK(result.reads > 0);
  CHECK(result.added.status == 503);
  CHECK(result.added.header("Retry-After") == "1");
  CHECK_THAT(result.added.message(), Catch::Contains("locked"));
  CHECK_THAT(bench.ready(), Catch::StartsWith("HTTP/1.1 503") && Catch::Contains("locked"));
  CHECK_THAT(bench.metrics(),
             Catch::Contains("jobengine_api_writes_refused_total{cause=\"busy\"} 1"));
  other.run("ROLLBACK");
  expect_recovery(bench);
}

}  // namespace
}  // namespace jobengine::tests
