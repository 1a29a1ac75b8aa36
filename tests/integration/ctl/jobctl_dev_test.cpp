#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "ctl/development/free_port.hpp"
#include "tests/integration/ctl/jobctl_process.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using Catch::Contains;
using tests::DevProcess;
using tests::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

void require_nothing_alive(const DevProcess& dev) {
  tests::run_on_loop([&](asio::io_context&) -> awaitable<void> {
    auto gone = [&] { return dev.alive().empty(); };
    const bool in_time = co_await tests::eventually(gone);
    CAPTURE(dev.alive());
    REQUIRE(in_time);
  });
}

}  // namespace

TEST_CASE("jobctl dev: Ctrl-C stops every process; a named directory stays and serves again",
          "[ctl]") {
  const TemporaryDirectory directory;
  const std::string name = (directory.path() / "dev").string();
  std::string job;
  {
    DevProcess dev({"--directory", name, "--distributors", "2", "--executors", "2"});
    REQUIRE(dev.alive().size() == 6);
    const auto ran = tests::jobctl({"submit", "dummy_test_action"}, dev.variables());
    REQUIRE(ran.code == 0);
    job = ran.out.substr(0, ran.out.size() - 1);
    struct stat status{};
    REQUIRE(::stat((name + "/admin-password").c_str(), &status) == 0);
    REQUIRE((status.st_mode & 0777U) == 0600U);
    dev.signal(SIGINT);
    const auto ended = dev.ended();
    CAPTURE(ended.err);
    REQUIRE(ended.code == 0);
    REQUIRE(dev.alive().empty());
  }
  DevProcess again({"--directory", name});
  const auto shown = tests::jobctl({"show", job}, again.variables());
  REQUIRE(shown.code == 0);
}

TEST_CASE("jobctl dev: its env file makes jobctl work in any shell", "[ctl]") {
  const std::string env = tests::shared_dev().facts().at("environment-file");
  const auto ran = tests::run_program({"sh", "-c", ". " + env + " && jobctl list --last 1"}, {});
  CAPTURE(ran.err);
  REQUIRE(ran.code == 0);
}

TEST_CASE("jobctl dev: a process that dies ends it all, with the end of its log", "[ctl]") {
  DevProcess dev({});
  const fs::path directory = dev.facts().at("directory").get<std::string>();
  REQUIRE(::kill(dev.pid_of("job-distributor-1"), SIGKILL) == 0);
  const auto ended = dev.ended();
  REQUIRE(ended.code == 1);
  REQUIRE_THAT(ended.err, Contains("job-distributor-1 killed by signal 9") &&
                              Contains("end of its log") && Contains(directory.string()));
  REQUIRE(dev.alive().empty());
  REQUIRE(fs::exists(directory / "job-distributor-1.log"));
  fs::remove_all(directory);
}

TEST_CASE("jobctl dev: nothing outlives it, even when it is killed", "[ctl]") {
  const TemporaryDirectory directory;
  DevProcess dev({"--directory", directory.path().string()});
  REQUIRE_FALSE(dev.alive().empty());
  dev.signal(SIGKILL);
  REQUIRE(dev.ended().code == 128 + SIGKILL);
  require_nothing_alive(dev);
}

TEST_CASE("jobctl dev: a process that cannot start is reported, nothing is left", "[ctl]") {
  const TemporaryDirectory directory;
  const auto& shared = tests::shared_dev();
  const std::string url = shared.facts().at("api-url");
  const std::string port = url.substr(url.rfind(':') + 1);
  const auto ran =
      tests::jobctl({"dev", "--directory", directory.path().string(), "--api-port", port});
  REQUIRE(ran.code == 1);
  REQUIRE_THAT(ran.err, Contains("job-api exited with code 1") && Contains(port));
}

TEST_CASE("jobctl dev: a port for ZooKeeper that is in use is named", "[ctl]") {
  const TemporaryDirectory directory;
  const std::string hosts = tests::shared_dev().facts().at("zk-hosts");
  const std::string port = hosts.substr(hosts.rfind(':') + 1);
  const auto ran =
      tests::jobctl({"dev", "--directory", directory.path().string(), "--zk-port", port});
  REQUIRE(ran.code == 1);
  REQUIRE_THAT(ran.err, Contains("127.0.0.1:" + port + ": Address already in use"));
}

TEST_CASE("jobctl dev: a directory in use is refused", "[ctl]") {
  const auto ran = tests::jobctl(
      {"dev", "--directory", tests::shared_dev().facts().at("directory").get<std::string>()});
  REQUIRE(ran.code == 1);
  REQUIRE_THAT(ran.err, Contains("another `jobctl dev` runs in"));
}

TEST_CASE("jobctl dev --once: runs a command against the engine and exits with its code", "[ctl]") {
  const auto ran = tests::jobctl(
      {"dev", "--once", "--", "sh", "-c", tests::program_path("jobctl") + " list && exit 5"});
  CAPTURE(ran.err);
  REQUIRE(ran.code == 5);
  REQUIRE_THAT(ran.out, Contains("The job engine runs in") && Contains("job-executor-1"));
}

TEST_CASE("jobctl demo: every digest comes back from its job", "[ctl]") {
  const TemporaryDirectory sources;
  sources.file("abc.cpp", "abc");
  sources.file("empty.py", "");
  fs::create_directories(sources.path() / "below");
  sources.file("below/a name with blanks.md", "abc");
  const auto ran = tests::jobctl({"demo", sources.path().string(), "-o", "json"},
                                 tests::shared_dev().variables());
  CAPTURE(ran.err);
  REQUIRE(ran.code == 0);
  const auto files = ran.json().at("files");
  REQUIRE(files.size() == 3);
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  REQUIRE(files.at(0).at("sha256") == abc);
  REQUIRE(files.at(1).at("file") == "below/a name with blanks.md");
  REQUIRE(files.at(1).at("sha256") == abc);
  REQUIRE(files.at(2).at("sha256") ==
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const auto table =
      tests::jobctl({"demo", sources.path().string()}, tests::shared_dev().variables());
  REQUIRE_THAT(table.out, Contains("SHA-256") && Contains("jobs/s") && Contains("jobctl show"));
}
