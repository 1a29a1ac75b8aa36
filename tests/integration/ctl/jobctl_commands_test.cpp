#include <catch2/catch.hpp>
#include <thread>

#include "ctl/development/free_port.hpp"
#include "tests/integration/ctl/jobctl_process.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace std::chrono_literals;
using Catch::Contains;
using nlohmann::json;
using tests::shared_dev;

namespace {

tests::Ran ctl(std::vector<std::string> arguments) {
  return tests::jobctl(std::move(arguments), shared_dev().variables());
}

std::string submitted(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "submit");
  const auto ran = ctl(std::move(arguments));
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  REQUIRE(ran.out.starts_with("job/"));
  REQUIRE(ran.out.ends_with("\n"));
  return ran.out.substr(0, ran.out.size() - 1);
}

json shown(const std::string& job) {
  const auto ran = ctl({"-o", "json", "show", job});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  return ran.json();
}

void wait_for_state(const std::string& job, const std::string& state) {
  tests::run_on_loop([&](asio::io_context&) -> awaitable<void> {
    auto reached = [&] { return shown(job).at("state") == state; };
    const bool in_time = co_await tests::eventually(reached);
    REQUIRE(in_time);
  });
}

}  // namespace

TEST_CASE("jobctl submit: prints the id; show and list know the job, with and without job/",
          "[ctl]") {
  const auto job =
      submitted({"dummy_test_action", "--name", "the first", "--target", "deployment/17"});
  wait_for_state(job, "SUCCESS");
  const auto people = ctl({"show", job.substr(4)});
  REQUIRE(people.code == 0);
  for (const char* word : {job.c_str(), "dummy_test_action", "the first", "deployment/17"}) {
    REQUIRE_THAT(people.out, Contains(word));
  }
  const auto table = ctl({"list", "--filter", "name='the first'", "--state", "success"});
  REQUIRE(table.code == 0);
  REQUIRE_THAT(table.out, Contains("ACTION") && Contains(job.substr(4)) && Contains("SUCCESS"));
  const auto machine = ctl({"list", "-o", "json", "--action", "dummy_test_action", "--filter",
                            "name='the first' or name='nothing'"});
  REQUIRE(machine.json().at("count") == 1);
  REQUIRE(machine.json().at("resources").at(0).at("id") == job);
  const auto none = ctl({"list", "--action", "no_such_action"});
  REQUIRE(none.code == 0);
  REQUIRE(none.out.empty());
}

TEST_CASE("jobctl submit --wait: follows in plain lines and exits 0 when the job succeeds",
          "[ctl]") {
  const auto ran = ctl({"submit", "run_command", "--payload",
                        R"({"argv": ["echo", "hello from the action"]})", "--wait"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  REQUIRE_THAT(ran.out, Contains("SUCCESS") && Contains("hello from the action"));
  REQUIRE_THAT(ran.err, Contains("100%") && !Contains("\r"));
  const auto machine = ctl({"submit", "dummy_test_action", "--wait", "-o", "json"});
  REQUIRE(machine.json().at("state") == "SUCCESS");
}

TEST_CASE("jobctl submit --wait: shows a bar on a terminal", "[ctl]") {
  const std::string command = tests::program_path("jobctl") + " submit dummy_test_action --wait";
  const auto ran =
      tests::run_program({"script", "-qec", command, "/dev/null"}, shared_dev().variables());
  REQUIRE(ran.code == 0);
  REQUIRE_THAT(ran.out, Contains("\r[") && Contains("100%"));
}

TEST_CASE("jobctl submit --wait: exits 3 when the job fails", "[ctl]") {
  const auto ran = ctl({"submit", "run_command", "--payload",
                        R"({"argv": ["sh", "-c", "echo broken >&2; exit 7"]})", "--wait"});
  REQUIRE(ran.code == 3);
  REQUIRE_THAT(ran.out, Contains("FAILED") && Contains("return code 7") && Contains("broken"));
}

TEST_CASE("jobctl cancel: ends jobs; who waits for one exits 4", "[ctl]") {
  const auto waiting = [] {
    return ctl({"submit", "dummy_test_action", "--name", "to be canceled", "--payload",
                R"({"duration": 300})", "--wait"});
  };
  std::optional<tests::Ran> ran;
  std::thread waiter([&] { ran = waiting(); });
  std::string job;
  tests::run_on_loop([&](asio::io_context&) -> awaitable<void> {
    auto running = [&] {
      const auto list =
          ctl({"list", "-o", "json", "--state", "RUNNING", "--filter", "name='to be canceled'"});
      const auto jobs = list.json().at("resources");
      if (!jobs.empty()) job = jobs.at(0).at("id");
      return !jobs.empty();
    };
    const bool in_time = co_await tests::eventually(running);
    REQUIRE(in_time);
  });
  const auto canceled = ctl({"cancel", job});
  waiter.join();
  REQUIRE(canceled.code == 0);
  REQUIRE_THAT(canceled.out, Contains(job) && Contains("CANCELED"));
  REQUIRE(ran->code == 4);
  REQUIRE_THAT(ran->out, Contains("CANCELED"));
}

TEST_CASE("jobctl cancel: what cannot be canceled is named, the rest is canceled all the same",
          "[ctl]") {
  const auto pulled = submitted({"dummy_test_action", "--mode", "pull"});
  const auto ran = ctl({"cancel", "no-such-job", pulled, "-o", "json"});
  REQUIRE(ran.code == 1);
  REQUIRE_THAT(ran.err, Contains("job/no-such-job"));
  REQUIRE(ran.json().at(0).at("canceled") == false);
  REQUIRE(ran.json().at(1).at("canceled") == true);
  REQUIRE(shown(pulled).at("state") == "CANCELED");
  const auto again = ctl({"cancel", pulled});
  REQUIRE(again.code == 1);
  REQUIRE_THAT(again.err, Contains("is not canceled: it is CANCELED already"));
}

TEST_CASE("jobctl queue: tells what waits in the order of service, and what is taken", "[ctl]") {
  std::vector<std::string> jobs;
  for (const char* priority : {"1", "2", "30", "20"}) {
    jobs.push_back(submitted(
        {"dummy_test_action", "--priority", priority, "--payload", R"({"duration": 300})"}));
    // The first two must have the slots before the others come.
    if (jobs.size() == 2) {
      for (const auto& job : jobs) wait_for_state(job, "RUNNING");
    }
  }
  const auto seen = ctl({"queue", "-o", "json"});
  const auto people = ctl({"queue"});
  REQUIRE(ctl({"cancel", jobs[0], jobs[1], jobs[2], jobs[3]}).code == 0);
  REQUIRE(seen.code == 0);
  const auto view = seen.json();
  REQUIRE(view.at("entries") == 4);
  REQUIRE(view.at("taken-entries") == 2);
  REQUIRE(view.at("head").size() == 2);
  REQUIRE(view.at("head").at(0).at("job") == jobs[3]);
  REQUIRE(view.at("head").at(0).at("priority") == 20);
  REQUIRE(view.at("head").at(1).at("job") == jobs[2]);
  REQUIRE(view.at("taken").size() == 2);
  REQUIRE(view.at("taken").at(0).at("taker").get<std::string>().size() == 32);
  REQUIRE(people.code == 0);
  REQUIRE_THAT(people.out, Contains("4 in the queue, 2 of them taken") && Contains(jobs[0]) &&
                               Contains("entry-020-"));
}

TEST_CASE("jobctl: an unknown action fails its job with a message that names it", "[ctl]") {
  const auto ran = ctl({"submit", "no_such_action", "--wait"});
  REQUIRE(ran.code == 3);
  REQUIRE_THAT(ran.out, Contains("no_such_action"));
}

TEST_CASE("jobctl: what the API refuses is told, exit 1", "[ctl]") {
  const auto missing = ctl({"show", "no-such-job"});
  REQUIRE(missing.code == 1);
  REQUIRE_THAT(missing.err, Contains("job/no-such-job not found"));
  const auto filter = ctl({"list", "--filter", "state="});
  REQUIRE(filter.code == 1);
  REQUIRE_THAT(filter.err, Contains("filter"));
}

TEST_CASE("jobctl: output that cannot be written is a failure", "[ctl]") {
  for (const char* command : {" --help >/dev/full", " list -o json >/dev/full"}) {
    const auto ran = tests::run_program({"sh", "-c", tests::program_path("jobctl") + command},
                                        shared_dev().variables());
    CAPTURE(command);
    REQUIRE(ran.code == 1);
    REQUIRE_THAT(ran.err, Contains("cannot write"));
  }
}

TEST_CASE("jobctl: an API that is not there is named, with what to do", "[ctl]") {
  const std::string url = "http://127.0.0.1:" + std::to_string(development::free_port());
  const auto ran = tests::jobctl({"list", "--api-url", url, "--api-timeout", "20s"});
  REQUIRE(ran.code == 1);
  REQUIRE_THAT(ran.err, Contains(url) && Contains("jobctl dev"));
}

TEST_CASE("jobctl: a wrong password is told, and not shown", "[ctl]") {
  auto variables = shared_dev().variables();
  variables[2] = "JOB_API_PASS=wrong-secret";
  const auto ran = tests::jobctl({"list"}, variables);
  REQUIRE(ran.code == 1);
  REQUIRE_THAT(ran.err, Contains("invalid credentials") && !Contains("wrong-secret"));
}

TEST_CASE("jobctl queue: a ZooKeeper that is not there is named", "[ctl]") {
  const std::string hosts = "127.0.0.1:" + std::to_string(development::free_port());
  const auto ran = tests::jobctl({"queue", "--zk-hosts", hosts, "--timeout", "500ms"});
  REQUIRE(ran.code == 1);
  REQUIRE_THAT(ran.err, Contains(hosts) && Contains("500ms"));
}

TEST_CASE("jobctl: wrong use exits 2 with what is wrong and where help is", "[ctl]") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"lst"}, "unknown command 'lst'"},
      {{"list", "--nonsense"}, "--nonsense"},
      {{"submit", "x", "--payload", "no json"}, "is not JSON"},
      {{"list", "--log-level", "LOUD"}, "LOUD"},
      {{"queue", "--zk-hosts", "localhost:99999"}, "localhost:99999"},
  };
  for (const auto& [arguments, expected] : cases) {
    const auto ran = tests::jobctl(arguments);
    CAPTURE(arguments, ran.err);
    REQUIRE(ran.code == 2);
    REQUIRE_THAT(ran.err, Contains(expected));
  }
}

TEST_CASE("jobctl health: asks a process of the engine", "[ctl]") {
  for (const auto& process : shared_dev().facts().at("processes")) {
    if (!process.contains("telemetry-port")) continue;
    const auto port = std::to_string(process.at("telemetry-port").get<int>());
    REQUIRE(tests::jobctl({"health", "--port", port}).code == 0);
    REQUIRE(tests::jobctl({"health", "--ready"}, {"JOB_TELEMETRY_PORT=" + port}).code == 0);
  }
  const auto port = std::to_string(development::free_port());
  const auto dead = tests::jobctl({"health", "--port", port});
  REQUIRE(dead.code == 1);
  REQUIRE_THAT(dead.err, Contains(port));
}

TEST_CASE("jobctl: what a command prints is in the log of its job, by stream") {
  const std::string job = submitted(
      {"run_command", "--payload", R"({"argv": ["sh", "-c", "echo to out; echo to err >&2"]})"});
  wait_for_state(job, "SUCCESS");
  tests::run_on_loop([&](asio::io_context&) -> awaitable<void> {
    auto there = [&] { return ctl({"logs", "--stream", "stderr", job}).out == "to err\n"; };
    const bool in_time = co_await tests::eventually(there);
    CHECK(in_time);
  });
  CHECK(ctl({"logs", "--stream", "stdout", job}).out == "to out\n");
}
