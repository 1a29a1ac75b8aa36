// Private copies of the files actions come from: what stands in an actions directory can be
// overwritten or removed at any time, and a process that has mapped it would crash, a new host of
// the old edition would get the new code.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace jobengine::executor {

// What tells two contents of a file apart without reading them.
struct FileVersion {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;  // an overwrite that keeps the old time (cp -p) changes this
  auto operator<=>(const FileVersion&) const = default;
};
// Through symbolic links. Nothing: there is no such regular file.
std::optional<FileVersion> version_of(const std::string& file);

// A copy; removed with the last owner. Processes that have loaded it keep it.
class PrivateCopy {
 public:
  explicit PrivateCopy(std::string file) : file_(std::move(file)) {}
  ~PrivateCopy();
  PrivateCopy(const PrivateCopy&) = delete;
  PrivateCopy& operator=(const PrivateCopy&) = delete;
  const std::string& file() const { return file_; }

 private:
  std::string file_;
};

// A temporary folder of this process, removed at the end of its life.
class EditionStore {
 public:
  // Sweeps what dead executors have left. Throws runtime::Failure when no folder can be made.
  // `temporary`: where; "" is $TMPDIR, else /tmp.
  explicit EditionStore(const std::string& temporary = "");
  ~EditionStore();
  EditionStore(const EditionStore&) = delete;
  EditionStore& operator=(const EditionStore&) = delete;

  const std::string& folder() const { return folder_; }
  // Blocks for the time of the copying. Throws runtime::Failure naming the file and the reason.
  std::shared_ptr<const PrivateCopy> copy(const std::string& file);
  // With another content.
  std::shared_ptr<const PrivateCopy> copy_as(const std::string& file, const std::string& text);

 private:
  std::string next_place(const std::string& name);

  std::string folder_;
  int lock_ = -1;  // held as long as this process lives: who sweeps sees by it that it does
  std::uint64_t copies_ = 0;
};

}  // namespace jobengine::executor
