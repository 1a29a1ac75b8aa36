#include "api/notation/quick_parser.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace jobengine::api::notation {
namespace {

using nlohmann::json;

constexpr int deepest = 32;
// Any number of so many digits fits into 64 bits with a sign.
constexpr std::ptrdiff_t most_digits = 18;

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Stands for itself inside a string, and is ASCII.
constexpr auto plain_in_string = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

// '\0': no escape of one letter.
constexpr char escaped(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

}  // namespace

bool QuickParser::parse(json& into) {
  skip_blanks();
  if (!value(into, 0)) return false;
  skip_blanks();
  return at_ == end_;
}

void QuickParser::skip_blanks() {
  while (at_ != end_ && is_blank(*at_)) ++at_;
}

bool QuickParser::take(char c) {
  skip_blanks();
  if (!next_is(c)) return false;
  ++at_;
  return true;
}

bool QuickParser::value(json& into, int depth) {
  if (at_ == end_ || depth > deepest) return false;
  switch (*at_) {
    case '{':
      return object(into, depth);
    case '[':
      return array(into, depth);
    case '"': {
      std::string text;
      if (!string(text)) return false;
      into = std::move(text);
      return true;
    }
    case 't':
      into = true;
      return word("true");
    case 'f':
      into = false;
      return word("false");
    case 'n':
      into = nullptr;
      return word("null");
    default:
      return number(into);
  }
}

bool QuickParser::object(json& into, int depth) {
  ++at_;
  into = json::object();
  auto& members = into.get_ref<json::object_t&>();
  if (take('}')) return true;
  do {
    skip_blanks();
    std::string name;
    if (!next_is('"') || !string(name) || !take(':')) return false;
    skip_blanks();
    const auto before = members.size();
    // Written by us they come in order.
    const auto place = members.emplace_hint(members.end(), std::move(name), nullptr);
    const bool twice = members.size() == before;
    if (twice || !value(place->second, depth + 1)) return false;
  } while (take(','));
  return take('}');
}

bool QuickParser::array(json& into, int depth) {
  ++at_;
  into = json::array();
  auto& items = into.get_ref<json::array_t&>();
  if (take(']')) return true;
  do {
    skip_blanks();
    if (!value(items.emplace_back(), depth + 1)) return false;
  } while (take(','));
  return take(']');
}

bool QuickParser::string(std::string& into) {
  ++at_;
  while (true) {
    const auto* begin = at_;
    while (at_ != end_ && plain_in_string[static_cast<unsigned char>(*at_)]) ++at_;
    into.append(begin, at_);
    if (next_is('"')) {
      ++at_;
      return true;
    }
    if (!next_is('\\') || !escape(into)) return false;
  }
}

bool QuickParser::escape(std::string& into) {
  ++at_;
  const char c = at_ == end_ ? '\0' : escaped(*at_);
  if (c == '\0') return false;
  into += c;
  ++at_;
  return true;
}

bool QuickParser::number(json& into) {
  const auto* begin = at_;
  const bool negative = next_is('-');
  if (negative) ++at_;
  const auto* digits = at_;
  std::int64_t amount = 0;
  while (at_ != end_ && is_digit(*at_) && at_ - digits < most_digits) {
    amount = amount * 10 + (*at_++ - '0');
  }
  const auto count = at_ - digits;
  const bool usual = count > 0 && (*digits != '0' || count == 1);
  const bool goes_on =
      next_is('.') || next_is('e') || next_is('E') || (at_ != end_ && is_digit(*at_));
  if (!usual || goes_on) return other_number(into, begin);
  if (negative) {
    into = -amount;
  } else {
    into = static_cast<std::uint64_t>(amount);
  }
  return true;
}

bool QuickParser::other_number(json& into, const char* begin) {
  at_ = begin;
  const auto of_number = [](char c) {
    return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
  };
  while (at_ != end_ && of_number(*at_)) ++at_;
  into = json::parse(begin, at_, nullptr, /*allow_exceptions=*/false);
  return !into.is_discarded();
}

bool QuickParser::word(std::string_view expected) {
  const auto length = static_cast<std::ptrdiff_t>(expected.size());
  if (end_ - at_ < length || std::string_view(at_, expected.size()) != expected) return false;
  at_ += length;
  return true;
}

}  // namespace jobengine::api::notation
