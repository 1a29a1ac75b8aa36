#include "ctl/development/system_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "common/runtime/failure.hpp"

namespace jobengine::development {

namespace fs = std::filesystem;
using runtime::Failure;

namespace {

fs::path fresh_directory() {
  std::string pattern = (fs::temp_directory_path() / "job-engine-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw Failure("cannot create " + pattern + ": " + std::strerror(errno));
  }
  return pattern;
}

std::string read_text(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string random_hex() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw Failure(std::string("no random numbers: ") + std::strerror(errno));
  }
  std::string text;
  for (const unsigned char byte : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

}  // namespace

SystemDirectory::SystemDirectory(const std::string& name) : temporary_(name.empty()) {
  if (temporary_) {
    path_ = fresh_directory();
  } else {
    std::error_code error;
    fs::create_directories(name, error);
    if (error) throw Failure("cannot create the directory " + name + ": " + error.message());
    path_ = fs::canonical(name);
  }
  const std::string lock_file = (path_ / "lock").string();
  lock_ = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) throw Failure("cannot write " + lock_file + ": " + std::strerror(errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    throw Failure("another `jobctl dev` runs in " + path_.string());
  }
}

SystemDirectory::~SystemDirectory() {
  std::error_code ignored;
  if (temporary_) fs::remove_all(path_, ignored);
  ::close(lock_);
}

fs::path SystemDirectory::log_of(const std::string& process) const {
  return process == "zookeeper" ? path_ / "zookeeper" / "zookeeper.log"
                                : path_ / (process + ".log");
}

std::string SystemDirectory::password() const {
  if (!fs::exists(password_file())) write("admin-password", random_hex() + "\n");
  std::string password = read_text(password_file());
  password.erase(password.find_last_not_of(" \r\n") + 1);
  if (password.empty()) throw Failure(password_file().string() + " is empty or cannot be read");
  return password;
}

void SystemDirectory::write(const std::string& name, const std::string& content) const {
  const std::string target = (path_ / name).string();
  const std::string draft = target + ".new";
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written = file >= 0 && ::write(file, content.data(), content.size()) ==
                                        static_cast<ssize_t>(content.size());
  const int error = errno;
  if (file >= 0) ::close(file);
  if (!written || ::rename(draft.c_str(), target.c_str()) != 0) {
    throw Failure("cannot write " + target + ": " + std::strerror(written ? errno : error));
  }
}

std::string end_of_log(const fs::path& log) {
  std::string text = read_text(log);
  constexpr std::size_t shown = 2000;
  if (text.empty()) return "(the log is empty)\n";
  if (text.size() <= shown) return text;
  const auto line = text.find('\n', text.size() - shown);
  return text.substr(line == std::string::npos ? text.size() - shown : line + 1);
}

}  // namespace jobengine::development
