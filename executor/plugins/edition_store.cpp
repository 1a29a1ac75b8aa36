#include "executor/plugins/edition_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

namespace fs = std::filesystem;
using runtime::Failure;

constexpr const char* prefix = "job-executor-";
// Actions may run as another user: what they may read, they may read here, but not look around.
constexpr auto for_actions = fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec;
constexpr std::string_view unlocked = "new-";  // before it: not locked yet, not to be swept

std::int64_t nanoseconds(const timespec& time) {
  constexpr std::int64_t second = 1'000'000'000;
  return time.tv_sec * second + time.tv_nsec;
}

int open_folder(const std::string& folder) {
  return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

// The kernel drops the lock of a process that ends, however it ends.
void sweep(const fs::path& temporary) {
  std::error_code error;
  for (fs::directory_iterator it(temporary, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const int folder = open_folder(it->path().string());
    if (folder < 0) continue;
    struct stat found{};
    const bool ours = ::fstat(folder, &found) == 0 && found.st_uid == ::geteuid();
    std::error_code ignored;
    if (ours && ::flock(folder, LOCK_EX | LOCK_NB) == 0) fs::remove_all(it->path(), ignored);
    ::close(folder);
  }
}

}  // namespace

std::optional<FileVersion> version_of(const std::string& file) {
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return std::nullopt;
  FileVersion version;
  version.device = found.st_dev;
  version.inode = found.st_ino;
  version.size = found.st_size;
  version.modified_ns = nanoseconds(found.st_mtim);
  version.changed_ns = nanoseconds(found.st_ctim);
  return version;
}

PrivateCopy::~PrivateCopy() {
  // The file has a folder of its own.
  std::error_code ignored;
  fs::remove_all(fs::path(file_).parent_path(), ignored);
}

EditionStore::EditionStore(const std::string& temporary) {
  std::error_code error;
  const fs::path parent = temporary.empty() ? fs::temp_directory_path(error) : fs::path(temporary);
  if (error) throw Failure("there is no folder for temporary files: " + error.message());
  sweep(parent);
  std::string made = (parent / (std::string(unlocked) + prefix + "XXXXXX")).string();
  if (::mkdtemp(made.data()) == nullptr) {
    throw Failure("no folder can be made in " + parent.string() + ": " + std::strerror(errno));
  }
  lock_ = open_folder(made);
  folder_ = (parent / fs::path(made).filename().string().substr(unlocked.size())).string();
  std::error_code ignored;
  fs::permissions(made, for_actions, ignored);
  const bool locked = lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) == 0;
  if (!locked || ::rename(made.c_str(), folder_.c_str()) != 0) {
    const std::string reason = std::strerror(errno);
    if (lock_ >= 0) ::close(lock_);
    ::rmdir(made.c_str());
    throw Failure("the folder " + made + " cannot be locked: " + reason);
  }
}

EditionStore::~EditionStore() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
  ::close(lock_);
}

std::string EditionStore::next_place(const std::string& name) {
  const fs::path folder = fs::path(folder_) / std::to_string(++copies_);
  std::error_code error;
  fs::create_directory(folder, error);
  if (!error) fs::permissions(folder, for_actions, error);
  if (error) {
    throw Failure("the folder " + folder.string() + " cannot be made: " + error.message());
  }
  return (folder / name).string();
}

std::shared_ptr<const PrivateCopy> EditionStore::copy(const std::string& file) {
  const std::string place = next_place(fs::path(file).filename().string());
  auto kept = std::make_shared<const PrivateCopy>(place);
  std::error_code error;
  fs::copy_file(file, place, error);
  if (error) throw Failure(file + " cannot be copied to " + folder_ + ": " + error.message());
  return kept;
}

std::shared_ptr<const PrivateCopy> EditionStore::copy_as(const std::string& file,
                                                         const std::string& text) {
  const std::string place = next_place(fs::path(file).filename().string());
  auto kept = std::make_shared<const PrivateCopy>(place);
  std::ofstream stream(place, std::ios::binary);
  stream << text;
  stream.close();
  std::error_code error;
  if (stream) fs::permissions(place, fs::status(file, error).permissions(), error);
  if (!stream || error) throw Failure(place + " cannot be written");
  return kept;
}

}  // namespace jobengine::executor
