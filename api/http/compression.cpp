#include "api/http/compression.hpp"

#include <zlib.h>

#include <algorithm>
#include <optional>

namespace jobengine::api::http {
namespace {

// Measured on lists of jobs: level 1 leaves 13 to 19 % at 90 to 390 MB/s, level 6 two points less
// at half the speed.
constexpr int level = 1;
constexpr int gzip_window = 15 + 16;
constexpr int usual_memory = 8;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool same(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, [](char one, char other) {
    return (one >= 'A' && one <= 'Z' ? static_cast<char>(one - 'A' + 'a') : one) == other;
  });
}

// "q=0", "q=0.000": not wanted.
bool is_refused(std::string_view parameters) {
  const auto equals = parameters.find('=');
  if (equals == std::string_view::npos) return false;
  const auto weight = trimmed(parameters.substr(equals + 1));
  return weight.starts_with('0') && weight.find_first_of("123456789") == std::string_view::npos;
}

bool is_text(std::string_view type) {
  type = trimmed(type.substr(0, type.find(';')));
  return type.starts_with("text/") || type.ends_with("json") || type.ends_with("javascript") ||
         type.ends_with("xml");
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  bool any = false;
  while (!accept_encoding.empty()) {
    const auto comma = std::min(accept_encoding.find(','), accept_encoding.size());
    const auto item = accept_encoding.substr(0, comma);
    accept_encoding.remove_prefix(std::min(comma + 1, accept_encoding.size()));
    const auto semicolon = std::min(item.find(';'), item.size());
    const auto coding = trimmed(item.substr(0, semicolon));
    const bool wanted = !is_refused(item.substr(semicolon));
    if (same(coding, "gzip") || same(coding, "x-gzip")) return wanted;
    if (coding == "*") any = wanted;
  }
  return any;
}

bool is_worth_packing(const Response& response, std::size_t least) {
  if (least == 0 || response.body.size() <= least || response.stream) return false;
  if (!is_text(response.content_type)) return false;
  return std::ranges::none_of(
      response.headers, [](const auto& header) { return same(header.first, "content-encoding"); });
}

struct Packer::State {
  z_stream stream{};
  std::string packed;
  bool ready = false;
};

Packer::Packer() : state_(std::make_unique<State>()) {
  state_->ready = deflateInit2(&state_->stream, level, Z_DEFLATED, gzip_window, usual_memory,
                               Z_DEFAULT_STRATEGY) == Z_OK;
}

Packer::~Packer() {
  if (state_->ready) deflateEnd(&state_->stream);
}

bool Packer::pack(std::string_view part, bool last) {
  if (!state_->ready) return false;
  auto& stream = state_->stream;
  auto& packed = state_->packed;
  // zlib's interface wants it writable, and does not write.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
  stream.avail_in = static_cast<uInt>(part.size());
  bool more = true;
  while (more) {
    const auto kept = packed.size();
    const auto room = std::max<std::size_t>(part.size() / 4, 1024);
    packed.resize(kept + room);
    stream.next_out = reinterpret_cast<Bytef*>(packed.data() + kept);
    stream.avail_out = static_cast<uInt>(room);
    const int code = deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
    packed.resize(kept + room - stream.avail_out);
    if (code == Z_STREAM_ERROR) return false;
    more = last ? code != Z_STREAM_END : stream.avail_out == 0;
  }
  return true;
}

std::string Packer::take() {
  deflateReset(&state_->stream);
  return std::exchange(state_->packed, {});
}

}  // namespace jobengine::api::http
