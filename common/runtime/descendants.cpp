#include "common/runtime/descendants.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace jobengine::runtime {

namespace {

using Clock = std::chrono::steady_clock;

// Calls `take` with every number in a file of numbers.
template <typename Take>
void read_numbers(const char* path, Take take) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;  // the process has ended meanwhile
  std::array<char, 4096> bytes;
  pid_t number = 0;
  for (;;) {
    const ssize_t size = ::read(file, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    for (const char c : std::string_view(bytes.data(), static_cast<std::size_t>(size))) {
      if (c >= '0' && c <= '9') {
        number = number * 10 + (c - '0');
      } else if (number != 0) {
        take(number);
        number = 0;
      }
    }
  }
  if (number != 0) take(number);
  ::close(file);
}

// Calls `take` with every entry of a folder that is a number. opendir() would take memory.
template <typename Take>
void list_numbers(const char* path, Take take) {
  const int folder = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  struct Entry {
    std::uint64_t inode;
    std::int64_t offset;
    std::uint16_t length;
    std::uint8_t type;
    char name[1];
  };
  alignas(Entry) std::array<char, 4096> bytes;
  for (;;) {
    const long size = ::syscall(SYS_getdents64, folder, bytes.data(), bytes.size());
    if (size <= 0) break;
    for (long at = 0; at < size;) {
      const char* entry = bytes.data() + at;
      std::uint16_t length = 0;
      std::memcpy(&length, entry + offsetof(Entry, length), sizeof length);
      const char* name = entry + offsetof(Entry, name);
      if (*name >= '1' && *name <= '9') take(static_cast<pid_t>(std::atoi(name)));
      at += length;
    }
  }
  ::close(folder);
}

template <typename Take>
void for_each_child(pid_t parent, Take take) {
  std::array<char, 40> folder;
  std::snprintf(folder.data(), folder.size(), "/proc/%d/task", parent);
  list_numbers(folder.data(), [&](pid_t thread) {
    std::array<char, 64> file;
    std::snprintf(file.data(), file.size(), "/proc/%d/task/%d/children", parent, thread);
    read_numbers(file.data(), take);
  });
}

// Room for more processes than one action can have by any sensible limit; of still more, the rest
// is found in the next round.
constexpr std::size_t most_found = 4096;

void signal_all(std::span<const pid_t> processes, int number) {
  for (const pid_t process : processes) ::kill(process, number);
}

// The descendants, all of them stopped: nothing is born between the search and the kill.
std::size_t stop_descendants(std::span<pid_t> found) {
  const std::array roots = {::getpid()};
  std::size_t before = 0;
  constexpr int most_rounds = 50;
  for (int round = 0; round < most_rounds; ++round) {
    const std::size_t count = find_descendants(roots, found);
    if (count == before) return count;
    signal_all(found.first(count), SIGSTOP);
    before = count;
  }
  return before;
}

// False: there are none left to wait for.
bool reap_ended() {
  for (;;) {
    const pid_t ended = ::waitpid(-1, nullptr, WNOHANG | __WALL);
    if (ended == 0) return true;
    if (ended < 0 && errno != EINTR) return false;
  }
}

}  // namespace

bool adopt_orphans() {
  return ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 || errno != ECHILD;
}

std::vector<pid_t> children() {
  std::vector<pid_t> result;
  for_each_child(::getpid(), [&](pid_t child) { result.push_back(child); });
  return result;
}

std::size_t find_descendants(std::span<const pid_t> roots, std::span<pid_t> found) {
  std::size_t count = 0;
  const auto add = [&](pid_t child) {
    const auto end = found.begin() + static_cast<std::ptrdiff_t>(count);
    if (count < found.size() && std::find(found.begin(), end, child) == end) found[count++] = child;
  };
  for (const pid_t root : roots) for_each_child(root, add);
  for (std::size_t next = 0; next < count; ++next) for_each_child(found[next], add);
  return count;
}

void kill_descendants() {
  if (!has_children()) return;
  static std::array<pid_t, most_found> found;
  const std::array roots = {::getpid()};
  signal_all(std::span(found).first(find_descendants(roots, found)), SIGKILL);
}

bool end_descendants(int milliseconds) {
  if (!has_children()) return true;
  // Not on the stack, which an action may have used up; one caller at a time.
  static std::array<pid_t, most_found> found;
  const auto deadline = Clock::now() + std::chrono::milliseconds(milliseconds);
  long pause = 100'000;  // nanoseconds
  while (reap_ended()) {
    if (Clock::now() >= deadline) return false;
    const std::size_t count = stop_descendants(found);
    signal_all(std::span(found).first(count), SIGKILL);
    const timespec moment{0, pause};
    ::nanosleep(&moment, nullptr);
    pause = std::min(2 * pause, 5'000'000L);
  }
  return true;
}

}  // namespace jobengine::runtime
