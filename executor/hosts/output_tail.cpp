#include "executor/hosts/output_tail.hpp"

#include <utility>

#include "executor/hosts/utf8.hpp"

namespace jobengine::executor {

namespace {

constexpr std::size_t most_lines = 20;
constexpr std::size_t longest_kept_line = 2000;

}  // namespace

void OutputTail::keep(std::string_view line) {
  std::string kept;
  if (lines_.size() == most_lines) {
    // Its memory serves again: a program may print millions of lines.
    kept = std::move(lines_.front());
    lines_.pop_front();
  }
  kept.assign(line.substr(0, whole_characters(line, longest_kept_line)));
  lines_.push_back(std::move(kept));
}

std::string OutputTail::text() const {
  std::string result;
  for (const std::string& line : lines_) {
    if (!result.empty()) result += '\n';
    result += line;
  }
  return result;
}

}  // namespace jobengine::executor
