#include "api/http/request_body.hpp"

#include <zlib.h>

#include <array>

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
  auto document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return std::nullopt;
  return document;
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
