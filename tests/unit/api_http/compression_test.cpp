#include "api/http/compression.hpp"

#include <catch2/catch.hpp>

#include "api/http/request_body.hpp"

namespace jobengine::api::http {
namespace {

TEST_CASE("compression: gzip is accepted when the header says so", "[api]") {
  for (const auto* header : {"gzip", "deflate, GZip", "br;q=1.0, gzip;q=0.8", "*", "x-gzip",
                             "gzip ; q=0.001", "identity;q=0, *;q=0.5"}) {
    INFO(header);
    CHECK(accepts_gzip(header));
  }
  for (const auto* header : {"", "identity", "br, deflate", "gzip;q=0", "gzip; q=0.000", "*;q=0",
                             "gzip;q=0, *", "*, gzip;q=0", "gzipped", ",,;,", "\xff"}) {
    INFO(header);
    CHECK_FALSE(accepts_gzip(header));
  }
}

TEST_CASE("compression: only texts beyond the size, not packed already", "[api]") {
  Response response;
  response.body = std::string(2000, 'x');
  CHECK(is_worth_packing(response, 1024));
  CHECK_FALSE(is_worth_packing(response, 2000));
  CHECK_FALSE(is_worth_packing(response, 0));
  response.content_type = "image/png";
  CHECK_FALSE(is_worth_packing(response, 1024));
  response.content_type = "text/html; charset=utf-8";
  CHECK(is_worth_packing(response, 1024));
  response.headers.emplace_back("Content-Encoding", "br");
  CHECK_FALSE(is_worth_packing(response, 1024));
}

TEST_CASE("compression: one text after another, in parts, comes out as it went in", "[api]") {
  Packer packer;
  for (const std::size_t size : {1U, 1000U, 300000U}) {
    std::string text;
    while (text.size() < size) text += std::to_string(text.size() * 7919) + ",";
    const auto half = text.size() / 2;
    REQUIRE(packer.pack(std::string_view(text).substr(0, half), false));
    REQUIRE(packer.pack(std::string_view(text).substr(half), true));
    const auto unpacked = unpack_gzip(packer.take(), 10000000);
    CHECK(unpacked.outcome == Unpacked::Outcome::Ok);
    CHECK(unpacked.text == text);
  }
}

}  // namespace
}  // namespace jobengine::api::http
