#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/unit/actions/builtin_action.hpp"

using namespace jobengine;
using Catch::Contains;
using Catch::StartsWith;
using nlohmann::json;

namespace {

struct Ran {
  testing::RunResult result;
  std::string status;
};

Ran run(const json& payload, const std::string& target = "") {
  testing::FakeHost host({.payload = payload.dump(), .target = target});
  const auto result = tests::BuiltinAction("run_command").run(host);
  return {result, host.status()};
}

json shell(const std::string& script) {
  return {{"argv", {"sh", "-c", script}}};
}

std::string content(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The number the command wrote into the file, once it is there with its line end.
pid_t number_in(const std::filesystem::path& file) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < end) {
    const auto text = content(file);
    if (!text.empty() && text.back() == '\n') return std::stoi(text);
    std::this_thread::yield();
  }
  return -1;
}

bool gone_soon(pid_t process) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < end) {
    // A zombie that nobody reaps yet has an empty command line.
    const auto line = content("/proc/" + std::to_string(process) + "/cmdline");
    if (line.empty()) return true;
    std::this_thread::yield();
  }
  return false;
}

}  // namespace

TEST_CASE("run_command: both output streams are kept in the status message", "[actions]") {
  const auto [result, status] = run(shell("echo out; echo err >&2"));
  REQUIRE(result.return_code == 0);
  REQUIRE_THAT(status, StartsWith("exited with code 0 after "));
  REQUIRE_THAT(status, Contains("; stdout 4 bytes, stderr 4 bytes\n"));
  REQUIRE_THAT(status, Contains("\n--- stdout\nout\n--- stderr\nerr\n"));
}

TEST_CASE("run_command: the return code is the command's", "[actions]") {
  const auto [result, status] = run(shell("exit 42"));
  REQUIRE(result.return_code == 42);
  REQUIRE(result.outcome == JE_OUTCOME_RETURN_CODE);
  REQUIRE_THAT(status, StartsWith("exited with code 42"));
}

TEST_CASE("run_command: a command ended by a signal has 128 + the signal", "[actions]") {
  const auto [result, status] = run(shell("kill -SEGV $$"));
  REQUIRE(result.return_code == 128 + SIGSEGV);
  REQUIRE_THAT(status, StartsWith("killed by signal 11 (Segmentation fault)"));
}

TEST_CASE("run_command: no shell is involved unless it is asked for", "[actions]") {
  const auto [result, status] = run({{"argv", {"echo", "$HOME;", "*"}}});
  REQUIRE_THAT(status, Contains("--- stdout\n$HOME; *\n"));
}

TEST_CASE("run_command: runs in the working directory", "[actions]") {
  const tests::TemporaryDirectory folder;
  const auto [result, status] =
      run({{"argv", {"pwd", "-P"}}, {"working-directory", folder.path().string()}});
  REQUIRE_THAT(status, Contains(std::filesystem::canonical(folder.path()).string()));
}

TEST_CASE("run_command: the environment is the executor's without its own settings, plus the job's",
          "[actions]") {
  ::setenv("JOB_API_SECRET", "do not tell", 1);
  ::setenv("SOME_SETTING", "inherited", 1);
  auto payload = shell("env");
  payload["environment"] = {{"COLOUR", "blue = green"}};
  const auto [result, status] = run(payload, "deployment/1");
  REQUIRE_THAT(status, Contains("\nCOLOUR=blue = green\n"));
  REQUIRE_THAT(status, Contains("\nSOME_SETTING=inherited\n"));
  REQUIRE_THAT(status, Contains("\nJOB_ID=job/00000000-0000-0000-0000-000000000001\n"));
  REQUIRE_THAT(status, Contains("\nJOB_TARGET=deployment/1\n"));
  REQUIRE_THAT(status, !Contains("do not tell"));
}

TEST_CASE("run_command: the standard input is the payload's, however long", "[actions]") {
  auto payload = shell("wc -c");
  payload["stdin"] = std::string(300000, 'x');
  REQUIRE_THAT(run(payload).status, Contains("--- stdout\n300000\n"));
  // Nor does it matter that nobody reads it.
  payload["argv"] = {"true"};
  REQUIRE(run(payload).result.return_code == 0);
  REQUIRE_THAT(run({{"argv", {"wc", "-c"}}}).status, Contains("--- stdout\n0\n"));
}

TEST_CASE("run_command: of a long output the end is kept and the size told", "[actions]") {
  const auto [result, status] = run(shell("seq 100000"));
  REQUIRE(result.return_code == 0);
  REQUIRE_THAT(status, Contains("stdout 588895 bytes"));
  REQUIRE_THAT(status, Contains("are left out]\n"));
  REQUIRE_THAT(status, Catch::EndsWith("\n99999\n100000\n"));
  REQUIRE(status.size() < 40000);
}

TEST_CASE("run_command: output that is no text becomes valid UTF-8", "[actions]") {
  const auto [result, status] = run(shell("printf 'a\\377\\000b\\303\\251'"));
  REQUIRE_THAT(status, Contains("a\xEF\xBF\xBD\xEF\xBF\xBD"
                                "b\xC3\xA9"));
  REQUIRE_NOTHROW(json(status).dump());
}

TEST_CASE("run_command: a program that is not there is named", "[actions]") {
  const auto missing = run({{"argv", {"no-such-program-anywhere"}}});
  REQUIRE(missing.result.return_code == 127);
  REQUIRE_THAT(missing.status,
               Contains("there is no program \"no-such-program-anywhere\" in PATH"));
  const auto absent = run({{"argv", {"/no/such/file"}}});
  REQUIRE(absent.result.return_code == 127);
  REQUIRE(absent.status == "cannot execute /no/such/file: No such file or directory");
  const auto folder = run({{"argv", {"/tmp"}}});
  REQUIRE(folder.result.return_code == 126);
  REQUIRE(folder.status == "cannot execute /tmp: Permission denied");
}

TEST_CASE("run_command: after its timeout the whole group is asked to end", "[actions]") {
  const tests::TemporaryDirectory folder;
  auto payload = shell("sleep 3600 & echo $! > child; wait");
  payload["working-directory"] = folder.path().string();
  payload["timeout"] = 0.5;
  const auto [result, status] = run(payload);
  REQUIRE(result.return_code == 124);
  REQUIRE_THAT(status, StartsWith("took longer than its timeout of 0.500 s: killed by signal 15"));
  const auto child = number_in(folder.path() / "child");
  REQUIRE(child > 0);
  REQUIRE(gone_soon(child));
}

TEST_CASE("run_command: what ignores SIGTERM is killed after the grace", "[actions]") {
  auto payload = shell("trap '' TERM; echo ready; while true; do sleep 1; done");
  payload["timeout"] = 0.5;
  payload["grace"] = 0.2;
  const auto [result, status] = run(payload);
  REQUIRE(result.return_code == 124);
  REQUIRE_THAT(status, Contains("did not end within 0.200 s of SIGTERM, killed by signal 9"));
  REQUIRE_THAT(status, Contains("--- stdout\nready\n"));
}

TEST_CASE("run_command: a command that ends well on SIGTERM is still a timeout", "[actions]") {
  auto payload = shell("trap 'exit 0' TERM; sleep 3600 & wait");
  payload["timeout"] = 0.5;
  const auto [result, status] = run(payload);
  REQUIRE(result.return_code == 124);
  REQUIRE_THAT(status, Contains("timeout of 0.500 s: exited with code 0"));
}

TEST_CASE("run_command: ends when the job is to stop", "[actions]") {
  const tests::TemporaryDirectory folder;
  auto payload = shell("echo $$ > started; exec sleep 3600");
  payload["working-directory"] = folder.path().string();
  testing::FakeHost host({.payload = payload.dump()});
  std::thread stopper([&] {
    number_in(folder.path() / "started");
    host.request_stop();
  });
  const auto result = tests::BuiltinAction("run_command").run(host);
  stopper.join();
  REQUIRE(result.return_code == 128 + SIGTERM);
  REQUIRE_THAT(host.status(), StartsWith("stopped on request: killed by signal 15"));
}

TEST_CASE("run_command: what a command leaves running in its group is ended with it", "[actions]") {
  const tests::TemporaryDirectory folder;
  auto payload = shell("sleep 3600 >/dev/null 2>&1 & echo $!");
  const auto [result, status] = run(payload);
  REQUIRE(result.return_code == 0);
  const auto line = status.substr(status.find("--- stdout\n") + 11);
  REQUIRE(gone_soon(std::stoi(line)));
}

TEST_CASE("run_command: does not outlive the process that runs it", "[actions]") {
  const tests::TemporaryDirectory folder;
  auto payload = shell("sleep 3600 & echo $! > child; wait");
  payload["working-directory"] = folder.path().string();
  const pid_t executor = ::fork();
  if (executor == 0) {
    testing::FakeHost host({.payload = payload.dump()});
    tests::BuiltinAction("run_command").run(host);
    ::_exit(0);
  }
  const auto child = number_in(folder.path() / "child");
  REQUIRE(child > 0);
  ::kill(executor, SIGKILL);
  REQUIRE(gone_soon(child));
  ::waitpid(executor, nullptr, 0);
}

TEST_CASE("run_command: a payload it does not understand fails the job and says why", "[actions]") {
  const auto message = [](const json& payload) {
    const auto ran = run(payload);
    REQUIRE(ran.result.outcome == JE_OUTCOME_FAILED);
    return ran.result.message;
  };
  REQUIRE_THAT(message(json::object()), Contains("\"argv\" is missing (a list of strings)"));
  REQUIRE_THAT(message({{"argv", "ls -l"}}),
               Contains("must be a list of strings, but is \"ls -l\""));
  REQUIRE_THAT(message({{"argv", json::array()}}), Contains("whose first element names a program"));
  REQUIRE_THAT(message({{"argv", {"echo", 1}}}), Contains("must be a list of strings"));
  REQUIRE_THAT(message({{"argv", {std::string("a\0b", 3)}}}), Contains("without NUL"));
  REQUIRE_THAT(message({{"argv", {"true"}}, {"timeout", 0}}),
               Contains("\"timeout\" must be a number"));
  REQUIRE_THAT(message({{"argv", {"true"}}, {"command", "x"}}),
               Contains("unknown key \"command\""));
  REQUIRE_THAT(message({{"argv", {"true"}}, {"environment", {{"A", 1}}}}),
               Contains("\"environment\".\"A\" must be a string, but is 1"));
  REQUIRE_THAT(message({{"argv", {"true"}}, {"environment", {{"A=B", "1"}}}}),
               Contains("names without \"=\""));
  REQUIRE_THAT(message({{"argv", {"true"}}, {"working-directory", "/no/such/folder"}}),
               Contains("/no/such/folder: No such file or directory"));
}
