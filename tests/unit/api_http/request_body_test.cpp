#include "api/http/request_body.hpp"

#include <zlib.h>

#include <catch2/catch.hpp>

namespace jobengine::api::http {
namespace {

std::string packed(const std::string& text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string input = text;
  std::string output(deflateBound(&stream, input.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data());
  stream.avail_out = static_cast<uInt>(output.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  output.resize(stream.total_out);
  deflateEnd(&stream);
  return output;
}

TEST_CASE("body: JSON up to 64 levels deep is read, deeper is refused", "[api]") {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  CHECK(parse_json(nested(64)));
  CHECK_FALSE(parse_json(nested(65)));
  CHECK_FALSE(parse_json(nested(100000)));
}

TEST_CASE("body: brackets inside strings do not count as depth", "[api]") {
  CHECK(parse_json("{\"a\": \"" + std::string(1000, '[') + "\\\"[[\"}"));
}

TEST_CASE("body: the elements of an array are found wherever brackets and commas stand", "[api]") {
  using Texts = std::vector<std::string_view>;
  CHECK(array_elements(R"([])", 9) == Texts{});
  CHECK(array_elements(" [ ]\n", 9) == Texts{});
  CHECK(array_elements(R"([1,"a,]\\",{"b":[2,"\"]"]}])", 9) ==
        Texts{"1", R"("a,]\\")", R"({"b":[2,"\"]"]})"});
  CHECK(array_elements(R"([1,2,3])", 2) == Texts{"1", "2"});
  CHECK(array_elements(R"([1,])", 9) == Texts{"1", ""});
  for (const char* bad :
       {"", "{}", "[", "[1", "[1,", "[1] 2", "[\"]", "[{]", "[[1]", "1]", "[}]"}) {
    INFO(bad);
    CHECK_FALSE(array_elements(bad, 9));
  }
}

TEST_CASE("body: what is no JSON is refused", "[api]") {
  for (const char* bad : {"{", "{\"a\":}", "nul", "{} x", "[1,]", "\"\xff\"", "01"}) {
    CHECK_FALSE(parse_json(bad));
  }
}

TEST_CASE("body: gzip is unpacked, up to the limit", "[api]") {
  const std::string text(100000, 'x');
  const auto bytes = packed(text);
  CHECK(unpack_gzip(bytes, 100000).text == text);
  CHECK(unpack_gzip(bytes, 99999).outcome == Unpacked::Outcome::TooLarge);
}

TEST_CASE("body: what is no gzip, or cut short, is refused", "[api]") {
  CHECK(unpack_gzip("hello", 1000).outcome == Unpacked::Outcome::Malformed);
  CHECK(unpack_gzip("", 1000).outcome == Unpacked::Outcome::Malformed);
  const auto bytes = packed("hello");
  CHECK(unpack_gzip(bytes.substr(0, bytes.size() - 4), 1000).outcome ==
        Unpacked::Outcome::Malformed);
}

}  // namespace
}  // namespace jobengine::api::http
