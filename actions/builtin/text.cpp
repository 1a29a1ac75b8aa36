#include "actions/builtin/text.hpp"

namespace jobengine::actions {

namespace {

constexpr const char* replacement = "\xEF\xBF\xBD";

// Length of the well-formed UTF-8 sequence at `at` (Unicode's table 3-7), or 0.
std::size_t sequence_length(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80U) return first == 0 ? 0 : 1;
  if (first >= 0xC2U && first <= 0xDFU) return continues(1) ? 2 : 0;
  if (first >= 0xE0U && first <= 0xEFU) {
    const bool overlong = first == 0xE0U && byte(1) < 0xA0U;
    const bool surrogate = first == 0xEDU && byte(1) > 0x9FU;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0U && first <= 0xF4U) {
    const bool overlong = first == 0xF0U && byte(1) < 0x90U;
    const bool too_large = first == 0xF4U && byte(1) > 0x8FU;
    return continues(1) && continues(2) && continues(3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string as_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const auto length = sequence_length(bytes, at);
    if (length == 0) {
      text += replacement;
      ++at;
    } else {
      text += bytes.substr(at, length);
      at += length;
    }
  }
  return text;
}

std::string bytes_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " byte" : " bytes");
}

void Tail::add(std::string_view bytes) {
  total_ += bytes.size();
  kept_ += bytes;
  // Cut only now and then, so that a long stream of small pieces is not moved about for each.
  if (kept_.size() > 2 * limit_) kept_.erase(0, kept_.size() - limit_);
}

std::string Tail::text() const {
  if (total_ <= limit_) return as_utf8(kept_);
  std::string_view last(kept_);
  last.remove_prefix(last.size() - limit_);
  const auto line_end = last.find('\n');
  if (line_end != std::string_view::npos && line_end + 1 < last.size()) {
    last.remove_prefix(line_end + 1);
  }
  return "[the first " + bytes_text(total_ - last.size()) + " are left out]\n" + as_utf8(last);
}

}  // namespace jobengine::actions
