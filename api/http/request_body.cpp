#include "api/http/request_body.hpp"

#include <zlib.h>

#include <array>

#include "api/notation/notation.hpp"

namespace jobengine::api::http {
namespace {

// Counts brackets outside strings; stops caring as soon as the limit is passed.
bool nested_too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') {
        ++at;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > deepest_json) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

constexpr const char* blanks = " \t\r\n";

// The comma or bracket behind the element that begins at `at`; npos when there is none.
std::size_t end_of_element(std::string_view text, std::size_t at) {
  int depth = 0;
  while ((at = text.find_first_of("\"[]{},", at)) != std::string_view::npos) {
    const char c = text[at];
    if (c == '"') {
      // To the quote that ends the string.
      while ((at = text.find_first_of("\"\\", at + 1)) != std::string_view::npos) {
        if (text[at] == '"') break;
        ++at;
      }
      if (at == std::string_view::npos) return at;
    } else if (depth == 0 && (c == ',' || c == ']')) {
      return at;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
    ++at;
  }
  return at;
}

struct Inflater {
  z_stream stream{};
  bool ready = false;
  // 16: a gzip header is expected.
  Inflater() { ready = inflateInit2(&stream, 15 + 16) == Z_OK; }
  ~Inflater() {
    if (ready) inflateEnd(&stream);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

}  // namespace

std::optional<nlohmann::json> parse_json(std::string_view text) {
  if (nested_too_deep(text)) return std::nullopt;
  auto document = notation::parsed_or_discarded(text);
  if (document.is_discarded()) return std::nullopt;
  return document;
}

std::optional<std::vector<std::string_view>> array_elements(std::string_view text,
                                                            std::size_t most) {
  std::vector<std::string_view> elements;
  auto at = text.find_first_not_of(blanks);
  if (at == std::string_view::npos || text[at] != '[') return std::nullopt;
  at = text.find_first_not_of(blanks, at + 1);
  if (at == std::string_view::npos) return std::nullopt;
  bool ended = text[at] == ']';
  while (!ended) {
    const auto end = end_of_element(text, at);
    if (end == std::string_view::npos) return std::nullopt;
    elements.push_back(text.substr(at, end - at));
    if (elements.size() == most) return elements;
    ended = text[end] == ']';
    at = ended ? end : end + 1;
  }
  if (text.find_first_not_of(blanks, at + 1) != std::string_view::npos) return std::nullopt;
  return elements;
}

Unpacked unpack_gzip(std::string_view packed, std::size_t limit) {
  Unpacked result;
  Inflater inflater;
  if (!inflater.ready) return result;
  std::string input(packed);  // zlib's interface wants it writable
  inflater.stream.next_in = reinterpret_cast<Bytef*>(input.data());
  inflater.stream.avail_in = static_cast<uInt>(input.size());
  std::array<char, 16384> piece{};
  while (true) {
    inflater.stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    inflater.stream.avail_out = static_cast<uInt>(piece.size());
    const int code = inflate(&inflater.stream, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END) return result;
    result.text.append(piece.data(), piece.size() - inflater.stream.avail_out);
    if (result.text.size() > limit) {
      result.outcome = Unpacked::Outcome::TooLarge;
      return result;
    }
    if (code != Z_STREAM_END) continue;
    if (inflater.stream.avail_in == 0) break;
    if (inflateReset(&inflater.stream) != Z_OK) return result;
  }
  result.outcome = Unpacked::Outcome::Ok;
  return result;
}

}  // namespace jobengine::api::http
