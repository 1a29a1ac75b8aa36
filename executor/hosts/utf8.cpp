#include "executor/hosts/utf8.hpp"

#include <algorithm>

namespace jobengine::executor {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

unsigned byte_at(std::string_view text, std::size_t index) {
  return static_cast<unsigned char>(text[index]);
}

bool continues(unsigned byte) {
  return (byte & 0xC0U) == 0x80U;
}

// Of the well-formed character that begins at `index`; 0 when there is none.
std::size_t character_size(std::string_view text, std::size_t index) {
  const unsigned first = byte_at(text, index);
  if (first < 0x80U) return 1;
  std::size_t size = 0;
  if (first >= 0xC2U && first <= 0xDFU) size = 2;
  if (first >= 0xE0U && first <= 0xEFU) size = 3;
  if (first >= 0xF0U && first <= 0xF4U) size = 4;
  if (size == 0 || text.size() - index < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (!continues(byte_at(text, index + i))) return 0;
  }
  // Too long a form, a surrogate, beyond the last character.
  const unsigned second = byte_at(text, index + 1);
  const bool wrong = (first == 0xE0U && second < 0xA0U) || (first == 0xEDU && second > 0x9FU) ||
                     (first == 0xF0U && second < 0x90U) || (first == 0xF4U && second > 0x8FU);
  return wrong ? 0 : size;
}

}  // namespace

std::size_t whole_characters(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text.size();
  std::size_t cut = most;
  constexpr std::size_t most_continuing = 3;
  for (std::size_t back = 0; back <= most_continuing && cut > 1; ++back, --cut) {
    if (!continues(byte_at(text, cut))) return cut;
  }
  return std::max<std::size_t>(1, most);
}

std::string as_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t size = character_size(text, i);
    if (size == 0) {
      result += replacement;
      ++i;
    } else {
      result.append(text, i, size);
      i += size;
    }
  }
  return result;
}

}  // namespace jobengine::executor
