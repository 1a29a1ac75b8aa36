// Reads the JSON that is common. Gives up on anything else, and the caller asks the library: a text
// that is accepted here is accepted there, with the same value. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace jobengine::api::notation {

class QuickParser {
 public:
  explicit QuickParser(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  // False when it gave up; `value` is anything then.
  bool parse(nlohmann::json& value);

 private:
  bool value(nlohmann::json& into, int depth);
  bool object(nlohmann::json& into, int depth);
  bool array(nlohmann::json& into, int depth);
  bool string(std::string& into);
  bool escape(std::string& into);
  bool number(nlohmann::json& into);
  bool other_number(nlohmann::json& into, const char* begin);
  bool word(std::string_view expected);
  void skip_blanks();
  bool next_is(char c) const { return at_ != end_ && *at_ == c; }
  bool take(char c);

  const char* at_;
  const char* const end_;
};

}  // namespace jobengine::api::notation
