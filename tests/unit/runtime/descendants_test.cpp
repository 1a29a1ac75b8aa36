#include "common/runtime/descendants.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <functional>

using namespace jobengine::runtime;

namespace {

// Runs `body` in a process of its own, as these tests adopt and kill; its exit code is returned.
int in_process(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// A daemon: forked twice, in a session of its own, deaf to SIGTERM.
void start_daemon() {
  if (::fork() == 0) {
    ::setsid();
    if (::fork() == 0) {
      std::signal(SIGTERM, SIG_IGN);
      for (;;) ::pause();
    }
    ::_exit(0);
  }
}

// Forks for as long as it can.
void start_bomb(int most) {
  if (::fork() != 0) return;
  for (int count = 0; count < most; ++count) {
    if (::fork() == 0) count = most / 2;
  }
  for (;;) ::pause();
}

}  // namespace

TEST_CASE("descendants: daemons are adopted, found, killed and reaped", "[runtime]") {
  const int code = in_process([] {
    if (!adopt_orphans() || has_children()) return 1;
    start_daemon();
    if (!has_children()) return 2;
    if (!end_descendants(10'000)) return 3;
    if (has_children() || !children().empty()) return 4;
    return 0;
  });
  CHECK(code == 0);
}

TEST_CASE("descendants: those of all generations are found", "[runtime]") {
  const int code = in_process([] {
    std::array<int, 2> ends;
    if (::pipe(ends.data()) < 0) return 1;
    if (::fork() == 0) {
      if (::fork() == 0) {
        char byte = 1;
        [[maybe_unused]] auto written = ::write(ends[1], &byte, 1);
      }
      for (;;) ::pause();
    }
    char byte = 0;
    [[maybe_unused]] auto size = ::read(ends[0], &byte, 1);
    std::array<pid_t, 10> found{};
    const std::array roots = {::getpid()};
    if (find_descendants(roots, found) != 2) return 2;
    if (children().size() != 1) return 3;
    std::array<pid_t, 1> too_small{};
    if (find_descendants(roots, too_small) != 1) return 4;
    adopt_orphans();
    return end_descendants(10'000) ? 0 : 5;
  });
  CHECK(code == 0);
}

TEST_CASE("descendants: those that keep forking are ended, too", "[runtime]") {
  const int code = in_process([] {
    adopt_orphans();
    start_bomb(6);
    return end_descendants(10'000) && !has_children() ? 0 : 1;
  });
  CHECK(code == 0);
}
