// Cuts what a program prints into lines. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace jobengine::executor {

// A longer line is handed out in parts: what a job's log takes as one line.
inline constexpr std::size_t longest_printed_line = 64UL * 1024;

class LineCutter {
 public:
  // `line` is valid during the call only: most lines are never copied.
  using Listener = std::function<void(std::string_view line)>;

  explicit LineCutter(Listener on_line, std::size_t longest = longest_printed_line)
      : on_line_(std::move(on_line)), longest_(longest) {}

  void accept(std::string_view bytes);
  // What has come since the last newline is a line too, unless it is nothing.
  void finish();
  const std::string& unfinished() const { return unfinished_; }

 private:
  void hand_out(std::string_view line);

  Listener on_line_;
  std::size_t longest_;
  std::string unfinished_;
};

}  // namespace jobengine::executor
