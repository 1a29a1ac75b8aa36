#include "ctl/password_input.hpp"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "common/configuration/options.hpp"

namespace jobengine::ctl {

namespace {

using configuration::UsageError;

// What is typed on the terminal is not shown while it lives.
class HiddenInput {
 public:
  HiddenInput() {
    known_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (known_) ::tcsetattr(STDIN_FILENO, TCSANOW, &hidden);
  }
  ~HiddenInput() {
    if (known_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    std::fputs("\n", stderr);
  }
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;

 private:
  termios before_{};
  bool known_ = false;
};

std::string first_line(std::istream& stream, const std::string& origin) {
  std::string line;
  std::getline(stream, line);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.empty()) throw UsageError("no password: the first line of " + origin + " is empty");
  return line;
}

std::string asked_for(const char* question) {
  std::fputs(question, stderr);
  const HiddenInput hidden;
  return first_line(std::cin, "what was typed");
}

}  // namespace

std::string read_new_password(const std::string& file) {
  if (file.empty() && ::isatty(STDIN_FILENO) != 0) {
    const auto password = asked_for("New password: ");
    if (asked_for("Once more: ") != password) throw UsageError("the two passwords differ");
    return password;
  }
  if (file.empty() || file == "-") return first_line(std::cin, "standard input");
  std::error_code ignored;
  const bool directory = std::filesystem::is_directory(file, ignored);
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream || directory) {
    throw UsageError("--password-file: cannot read " + file + ": " +
                     (directory ? "it is a directory" : std::strerror(errno)));
  }
  return first_line(stream, file);
}

}  // namespace jobengine::ctl
