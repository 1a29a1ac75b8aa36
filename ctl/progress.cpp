#include "ctl/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "ctl/table.hpp"

namespace jobengine::ctl {

namespace {

std::size_t width_of(int descriptor) {
  winsize size{};
  if (::isatty(descriptor) == 0) return 0;
  constexpr std::size_t usual = 80;
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual;
  return size.ws_col;
}

}  // namespace

std::size_t output_width() {
  return width_of(STDOUT_FILENO);
}

std::string bar_line(int percent, const std::string& text, std::size_t width) {
  constexpr int cells = 30;
  const int filled = std::clamp(percent, 0, 100) * cells / 100;
  std::string line = "[" + std::string(static_cast<std::size_t>(filled), '#') +
                     std::string(static_cast<std::size_t>(cells - filled), '-') + "] ";
  const std::string number = std::to_string(std::clamp(percent, 0, 100));
  line += std::string(3 - number.size(), ' ') + number + "%  " + one_line(text);
  return cut(line, width);
}

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (terminal_ && shown_) std::fputs("\n", stderr);
}

void Progress::show(int percent, const std::string& text) {
  if (terminal_) {
    if (shown_ && percent == last_percent_ && text == last_text_) return;
    // One column stays free: a full line would wrap on some terminals.
    const std::string line = bar_line(percent, text, width_of(STDERR_FILENO) - 1);
    std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
  } else {
    constexpr int step = 10;
    const bool moved = percent >= last_percent_ + step || (percent == 100 && last_percent_ < 100);
    if (shown_ && !moved && text == last_text_) return;
    std::fprintf(stderr, "%3d%%  %s\n", percent, one_line(text).c_str());
  }
  shown_ = true;
  last_percent_ = percent;
  last_text_ = text;
}

void Progress::clear() {
  if (terminal_ && shown_) std::fputs("\r\x1b[K", stderr);
  if (terminal_) shown_ = false;
}

}  // namespace jobengine::ctl
