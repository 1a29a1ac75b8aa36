#include "common/runtime/child_process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "common/runtime/failure.hpp"
#include "tests/support/loop_test.hpp"

using namespace std::chrono_literals;
using namespace jobengine;
using runtime::ChildProcess;
using runtime::SpawnRequest;

namespace {

SpawnRequest shell(const std::string& script) {
  SpawnRequest request;
  request.argv = {"sh", "-c", script};
  return request;
}

}  // namespace

TEST_CASE("child process: its exit code or signal is told", "[runtime]") {
  tests::run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto code = ChildProcess::spawn(loop, shell("exit 3"));
    co_await code.exited().wait();
    REQUIRE(code.status().code == 3);
    auto killed = ChildProcess::spawn(loop, shell("kill -SEGV $$"));
    co_await killed.exited().wait();
    REQUIRE(killed.status().signal_number == SIGSEGV);
    REQUIRE(killed.status().text().find("Segmentation fault") != std::string::npos);
  });
}

TEST_CASE("child process: a program that does not exist is refused by name", "[runtime]") {
  asio::io_context loop;
  SpawnRequest request;
  request.argv = {"/nowhere/no-such-program"};
  REQUIRE_THROWS_WITH(
      ChildProcess::spawn(loop, request),
      Catch::Contains("/nowhere/no-such-program") && Catch::Contains("No such file"));
}

TEST_CASE("child process: gets the descriptors it is given and no others", "[runtime]") {
  tests::run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);  // inheritable on purpose: the child must not see it all the same
    auto request = shell("ls /proc/self/fd | tr '\\n' ' ' >&5");
    request.descriptors = {{ends[1], 5}};
    auto child = ChildProcess::spawn(loop, request);
    ::close(ends[1]);
    co_await child.exited().wait();
    char text[200] = {};
    REQUIRE(::read(ends[0], text, sizeof text - 1) > 0);
    ::close(ends[0]);
    // ls itself opens the folder as 3.
    REQUIRE(std::string(text) == "0 1 2 3 5 ");
  });
}

TEST_CASE("child process: gets the environment it is given and nothing of ours", "[runtime]") {
  tests::run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto request = shell(
        "test \"$LONG_NAME_OF_A_VARIABLE\" = long-enough-for-the-heap-$((1+1)) && test -z "
        "\"$HOME\"");
    request.environment = {"PATH=/bin:/usr/bin",
                           "LONG_NAME_OF_A_VARIABLE=long-enough-for-the-heap-2"};
    auto child = ChildProcess::spawn(loop, request);
    co_await child.exited().wait();
    REQUIRE(child.status().text() == "exited with code 0");
  });
}

TEST_CASE("child process: a refused program is told also when every number is given away",
          "[runtime]") {
  asio::io_context loop;
  SpawnRequest request;
  request.argv = {"/nowhere/no-such-program"};
  // The pipe that reports the failure has one of these numbers.
  for (int number = 3; number < 19; ++number) request.descriptors.emplace_back(1, number);
  REQUIRE_THROWS_WITH(ChildProcess::spawn(loop, request), Catch::Contains("No such file"));
}

TEST_CASE("child process: stop asks first and kills what ignores it", "[runtime]") {
  tests::run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto obedient = shell("exec sleep 1000");
    auto polite = ChildProcess::spawn(loop, obedient);
    const auto ended = co_await polite.stop(30s);
    REQUIRE(ended.signal_number == SIGTERM);
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    auto stubborn = shell("trap '' TERM; echo ready >&3; while :; do sleep 1000 & wait; done");
    stubborn.descriptors = {{ends[1], 3}};
    stubborn.new_session = true;
    auto deaf = ChildProcess::spawn(loop, stubborn);
    char ready[10];
    REQUIRE(::read(ends[0], ready, sizeof ready) > 0);
    const auto killed = co_await deaf.stop(10ms);
    REQUIRE(killed.signal_number == SIGKILL);
    ::close(ends[0]);
    ::close(ends[1]);
  });
}
