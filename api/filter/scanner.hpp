// The characters of a filter: position, tokens, and where reading failed. The grammar is the
// parser's. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/filter/filter.hpp"

namespace jobengine::api::filter {

inline bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_word(char c) {
  return is_letter(c) || is_digit(c) || c == '_';
}
inline bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

class Scanner {
 public:
  // Reads text[begin, end); positions in errors are those in the whole text. `text` must outlive
  // this.
  Scanner(std::string_view text, std::size_t begin, std::size_t end)
      : text_(text.substr(0, end)), at_(begin), whole_(text), furthest_(begin) {}

 protected:
  void skip_space();
  bool skip_digits();  // whether there were any
  bool skip_char(char c);
  // Takes the token; notes that it would have been possible otherwise (an empty name: not worth
  // it).
  bool take(std::string_view token, std::string_view name);
  // A string without its quotes; backslashes stay in the value (spec 4.2).
  std::optional<std::string> quoted();

  // Notes what could have stood here. Only the furthest place counts.
  void expected(std::string_view token);
  [[noreturn]] void fail_with_expectations() const;
  // Throws FilterError with line, column and a caret below the position.
  [[noreturn]] void fail(std::size_t position, const std::string& what) const;

  const std::string_view text_;
  std::size_t at_;

 private:
  const std::string_view whole_;
  std::size_t furthest_;
  std::vector<std::string> expectations_;
};

}  // namespace jobengine::api::filter
