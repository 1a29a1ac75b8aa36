#include "api/notation/notation.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "api/notation/quick_parser.hpp"

namespace jobengine::api::notation {
namespace {

using nlohmann::json;

// A document of a job is about as long.
constexpr std::size_t usual_length = 1024;

enum class Beyond { Kept, Escaped };  // characters beyond ASCII

std::string by_library(const json& value, Beyond beyond) {
  if (beyond == Beyond::Kept) return value.dump();
  return value.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
}

// What a byte becomes inside a string.
enum class Byte : char { Itself, Escape, Unusual };

constexpr auto bytes = [] {
  std::array<Byte, 256> kinds{};
  for (std::size_t c = 0; c < kinds.size(); ++c) {
    if (c < 0x20 || c == '"' || c == '\\') kinds[c] = Byte::Escape;
    if (c >= 0x7F) kinds[c] = Byte::Unusual;
  }
  return kinds;
}();

Byte kind_of(char c) {
  return bytes[static_cast<unsigned char>(c)];
}

void append_escape(std::string& text, char c) {
  constexpr std::string_view letters = "\"\"\\\\\bb\ff\nn\rr\tt";
  for (std::size_t i = 0; i < letters.size(); i += 2) {
    if (letters[i] != c) continue;
    text += '\\';
    text += letters[i + 1];
    return;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  const auto code = static_cast<unsigned char>(c);
  text += "\\u00";
  text += digits[code >> 4U];
  text += digits[code & 15U];
}

// False when it holds something unusual; nothing is appended then.
bool append_string(std::string& text, const std::string& value) {
  const auto begin = text.size();
  text += '"';
  auto from = value.begin();
  while (true) {
    const auto special =
        std::find_if(from, value.end(), [](char c) { return kind_of(c) != Byte::Itself; });
    text.append(from, special);
    if (special == value.end()) break;
    if (kind_of(*special) == Byte::Unusual) {
      text.resize(begin);
      return false;
    }
    append_escape(text, *special);
    from = special + 1;
  }
  text += '"';
  return true;
}

template <typename Number>
void append_number(std::string& text, Number number) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  text.append(digits.data(), end.ptr);
}

void append(std::string& text, const json& value, Beyond beyond);

void append_members(std::string& text, const json::object_t& members, Beyond beyond) {
  text += '{';
  bool first = true;
  for (const auto& [name, value] : members) {
    if (!first) text += ',';
    first = false;
    if (!append_string(text, name)) text += by_library(name, beyond);
    text += ':';
    append(text, value, beyond);
  }
  text += '}';
}

void append_items(std::string& text, const json::array_t& items, Beyond beyond) {
  text += '[';
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += ',';
    append(text, items[i], beyond);
  }
  text += ']';
}

void append(std::string& text, const json& value, Beyond beyond) {
  switch (value.type()) {
    case json::value_t::object:
      return append_members(text, value.get_ref<const json::object_t&>(), beyond);
    case json::value_t::array:
      return append_items(text, value.get_ref<const json::array_t&>(), beyond);
    case json::value_t::string:
      if (append_string(text, value.get_ref<const std::string&>())) return;
      break;
    case json::value_t::number_integer:
      return append_number(text, value.get<std::int64_t>());
    case json::value_t::number_unsigned:
      return append_number(text, value.get<std::uint64_t>());
    case json::value_t::boolean:
      text += value.get<bool>() ? "true" : "false";
      return;
    case json::value_t::null:
      text += "null";
      return;
    case json::value_t::number_float:
    case json::value_t::binary:
    case json::value_t::discarded:
      break;
  }
  text += by_library(value, beyond);
}

std::string text_of(const json& value, Beyond beyond) {
  std::string text;
  if (value.is_structured()) text.reserve(usual_length);
  append(text, value, beyond);
  return text;
}

}  // namespace

json parsed(std::string_view text) {
  json value;
  if (QuickParser(text).parse(value)) return value;
  return json::parse(text);
}

json parsed_or_discarded(std::string_view text) {
  json value;
  if (QuickParser(text).parse(value)) return value;
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string written(const json& value) {
  return text_of(value, Beyond::Kept);
}

std::string written_in_ascii(const json& value) {
  return text_of(value, Beyond::Escaped);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x7F; });
}

}  // namespace jobengine::api::notation
