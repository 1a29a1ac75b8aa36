#include "executor/action_host/clean_slate.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>

#include "common/runtime/descendants.hpp"

namespace jobengine::executor {

namespace {

constexpr int longest_sweep = 5000;  // milliseconds

// A plugin may keep connections, caches and log files from one job to the next.
constexpr std::size_t kept_descriptors = 16;

// The folder has an entry, and so a link, for each.
std::size_t count_threads() {
  struct stat about{};
  if (::stat("/proc/self/task", &about) < 0 || about.st_nlink < 2) return 0;
  return about.st_nlink - 2;
}

std::size_t count_descriptors() {
  struct stat about{};
  if (::stat("/proc/self/fd", &about) == 0 && about.st_size > 0) {
    return static_cast<std::size_t>(about.st_size);
  }
  // A kernel before 6.2 does not tell: they are counted, without the one of the counting.
  std::size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(folder);
  return count - 1;
}

// A thread that was joined a moment ago may still be on its way out of the kernel.
std::size_t threads_beyond(std::size_t expected) {
  std::size_t count = count_threads();
  constexpr int most_looks = 20;
  for (int look = 0; count > expected && look < most_looks; ++look) {
    const timespec moment{0, 1'000'000};
    ::nanosleep(&moment, nullptr);
    count = count_threads();
  }
  return count > expected ? count - expected : 0;
}

std::string left(std::size_t count, const char* what) {
  return "left " + std::to_string(count) + " " + what + (count == 1 ? "" : "s") + " behind";
}

}  // namespace

CleanSlate::CleanSlate() : directory_(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  mask_ = ::umask(0);
  ::umask(mask_);
  ::sigaction(SIGTERM, nullptr, &on_terminate_);
  threads_ = count_threads();
  descriptors_ = count_descriptors();
}

CleanSlate::~CleanSlate() {
  if (directory_ >= 0) ::close(directory_);
}

std::string CleanSlate::restore() {
  const bool alone = runtime::end_descendants(longest_sweep);
  ::umask(mask_);
  ::sigaction(SIGTERM, &on_terminate_, nullptr);
  if (directory_ >= 0 && ::fchdir(directory_) < 0) return "cannot go back to its folder";
  if (!alone) return "left processes behind that cannot be killed";
  if (const std::size_t threads = threads_beyond(threads_); threads > 0) {
    return left(threads, "thread");
  }
  const std::size_t descriptors = count_descriptors();
  if (descriptors > descriptors_ + kept_descriptors) {
    return left(descriptors - descriptors_, "descriptor");
  }
  return {};
}

}  // namespace jobengine::executor
