#include "api/filter/scanner.hpp"

#include <algorithm>

namespace jobengine::api::filter {

std::optional<std::string> Scanner::quoted() {
  const auto start = at_;
  if (start < text_.size() && (text_[start] == '"' || text_[start] == '\'')) {
    const char quote = text_[start];
    for (auto i = start + 1; i < text_.size(); ++i) {
      if (text_[i] == quote) {
        at_ = i + 1;
        return std::string(text_.substr(start + 1, i - start - 1));
      }
      // The JSON functions of SQLite end a text there.
      if (text_[i] == '\0') fail(i, "A NUL character cannot be searched for.");
      if (text_[i] != '\\') continue;
      ++i;  // a backslash keeps what follows it, but for the end of the line
      if (i < text_.size() && (text_[i] == '\n' || text_[i] == '\r')) break;
    }
  }
  expected("a string in closed double quotes");
  expected("a string in closed single quotes");
  return std::nullopt;
}

void Scanner::skip_space() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

bool Scanner::skip_digits() {
  const auto start = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return at_ > start;
}

bool Scanner::skip_char(char c) {
  if (at_ >= text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool Scanner::take(std::string_view token, std::string_view name) {
  if (text_.substr(at_).starts_with(token)) {
    at_ += token.size();
    return true;
  }
  if (!name.empty()) expected(name);
  return false;
}

void Scanner::expected(std::string_view token) {
  if (at_ < furthest_) return;
  if (at_ > furthest_) {
    furthest_ = at_;
    expectations_.clear();
  }
  if (std::find(expectations_.begin(), expectations_.end(), token) == expectations_.end()) {
    expectations_.emplace_back(token);
  }
}

void Scanner::fail_with_expectations() const {
  std::string what = "Expected one of:";
  for (const auto& token : expectations_) what += "\n" + token;
  fail(furthest_, what);
}

void Scanner::fail(std::size_t position, const std::string& what) const {
  const auto before = whole_.substr(0, position);
  const auto line_number = 1 + std::count(before.begin(), before.end(), '\n');
  const auto newline = before.rfind('\n');
  const auto line_start = newline == std::string_view::npos ? 0 : newline + 1;
  const auto line = whole_.substr(line_start, whole_.find('\n', position) - line_start);
  // Characters, not bytes: continuation bytes of UTF-8 are no columns.
  const auto column = std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_start),
                                    before.end(), [](char c) { return (c & 0xC0) != 0x80; });
  throw FilterError("Invalid CIMI filter. Parse error at line " + std::to_string(line_number) +
                    ", column " + std::to_string(column + 1) + ":\n" + std::string(line) + "\n" +
                    std::string(static_cast<std::size_t>(column), ' ') + "^\n" + what);
}

}  // namespace jobengine::api::filter
