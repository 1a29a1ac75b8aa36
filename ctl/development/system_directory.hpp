// The folder of one `jobctl dev`: data, logs, credentials. One process uses it at a time.
#pragma once

#include <filesystem>
#include <string>

namespace jobengine::development {

class SystemDirectory {
 public:
  // `name` "": a fresh temporary folder, removed with this object unless keep() is called.
  // Throws Failure when it cannot be used, or another `jobctl dev` runs in it.
  explicit SystemDirectory(const std::string& name);
  ~SystemDirectory();
  SystemDirectory(const SystemDirectory&) = delete;
  SystemDirectory& operator=(const SystemDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path log_of(const std::string& process) const;
  bool temporary() const { return temporary_; }
  void keep() { temporary_ = false; }

  // The administrator's password: read from admin-password, which is made (readable by its owner
  // only, 32 random hex digits) when it is not there.
  std::string password() const;
  std::filesystem::path password_file() const { return path_ / "admin-password"; }

  // Writes a file that appears whole or not at all, readable by its owner only.
  void write(const std::string& name, const std::string& content) const;

 private:
  std::filesystem::path path_;
  bool temporary_ = false;
  int lock_ = -1;
};

// The last lines of a log, for messages.
std::string end_of_log(const std::filesystem::path& log);

}  // namespace jobengine::development
