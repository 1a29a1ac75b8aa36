#include "executor/hosts/line_cutter.hpp"

#include "executor/hosts/utf8.hpp"

namespace jobengine::executor {

void LineCutter::accept(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const bool whole = end != std::string_view::npos;
    const std::string_view piece = bytes.substr(0, end);
    bytes.remove_prefix(whole ? end + 1 : bytes.size());
    if (whole && unfinished_.empty()) {
      hand_out(piece);
      continue;
    }
    unfinished_.append(piece);
    if (whole) {
      hand_out(unfinished_);
      unfinished_.clear();
      continue;
    }
    while (unfinished_.size() > longest_) {
      const std::size_t part = whole_characters(unfinished_, longest_);
      on_line_(std::string_view(unfinished_).substr(0, part));
      unfinished_.erase(0, part);
    }
  }
}

void LineCutter::finish() {
  if (unfinished_.empty()) return;
  hand_out(unfinished_);
  unfinished_.clear();
}

void LineCutter::hand_out(std::string_view line) {
  while (line.size() > longest_) {
    const std::size_t part = whole_characters(line, longest_);
    on_line_(line.substr(0, part));
    line.remove_prefix(part);
  }
  on_line_(line);
}

}  // namespace jobengine::executor
