// Packed bodies: never more than the limit, whatever the bytes promise; what was packed comes back.
#include <zlib.h>

#include <vector>

#include "api/http/request_body.hpp"
#include "tests/fuzz/promise.hpp"

using namespace jobengine;
using Outcome = api::http::Unpacked::Outcome;

namespace {

std::string packed(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::vector<Bytef> input(text.begin(), text.end());
  std::string output(deflateBound(&stream, text.size()), '\0');
  stream.next_in = input.data();
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data());
  stream.avail_out = static_cast<uInt>(output.size());
  deflate(&stream, Z_FINISH);
  output.resize(stream.total_out);
  deflateEnd(&stream);
  return output;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  constexpr std::size_t limit = 100'000;
  const auto unpacked = api::http::unpack_gzip(bytes, limit);
  if (unpacked.outcome == Outcome::Ok) {
    fuzz::must_hold(unpacked.text.size() <= limit, "the limit holds");
  }
  fuzz::must_hold(unpacked.text.size() <= limit + 20'000, "reading stops soon after the limit");
  const auto again = api::http::unpack_gzip(packed(bytes), limit);
  fuzz::must_hold(size > limit || (again.outcome == Outcome::Ok && again.text == bytes),
                  "what was packed comes back");
  return 0;
}
