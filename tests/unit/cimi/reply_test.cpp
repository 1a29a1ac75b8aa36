#include "common/cimi/reply.hpp"

#include <catch2/catch.hpp>

using namespace jobengine::cimi;

namespace {

Reply reply(int status, const std::string& body) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = body;
  return reply_to("GET x", answer);
}

}  // namespace

TEST_CASE("reply: success is a 2xx in JSON, or a 204 without a body", "[cimi]") {
  REQUIRE(reply(200, "{\"id\": 1}").ok());
  REQUIRE(reply(200, "[]").ok());
  REQUIRE(reply(204, "").ok());
  REQUIRE(reply(200, "").kind == ReplyKind::Unavailable);
  REQUIRE(reply(200, "{\"id\": ").kind == ReplyKind::Unavailable);
  REQUIRE(reply(200, "{} trailing").kind == ReplyKind::Unavailable);
}

TEST_CASE("reply: a document nobody wants is not made, but an answer that is none is no success",
          "[cimi]") {
  const auto unwanted = [](int status, const char* body) {
    HttpAnswer answer;
    answer.status = status;
    answer.body = body;
    answer.etag = "\"7\"";
    return reply_to("PUT x", answer, /*wants_document=*/false);
  };
  const Reply kept = unwanted(200, "{\"id\": \"job/1\", \"text\": \"}\\\"{[\"}\n");
  CHECK(kept.ok());
  CHECK(kept.document.is_null());
  CHECK(kept.etag == "\"7\"");
  for (const char* other : {"", "<html></html>", "{\"id\": ", "{\"id\": \"}", "{} trailing", "{}}",
                            "{]{", "{<html></html>}}"}) {
    CAPTURE(other);
    CHECK(unwanted(200, other).kind == ReplyKind::Unavailable);
  }
  // Why it was refused is told all the same.
  CHECK(unwanted(409, R"({"message": "final"})").kind == ReplyKind::Conflict);
  CHECK(unwanted(409, R"({"message": "final"})").message == "PUT x: answered 409: final");
}

TEST_CASE("reply: the text of a document is kept beside it", "[cimi]") {
  CHECK(reply(200, "{\"id\":  1}").text == "{\"id\":  1}");
  CHECK(reply(200, "{\"id\": ").text.empty());
}

TEST_CASE("reply: the new id is in the body where the header lacks", "[cimi]") {
  REQUIRE(reply(201, R"({"resource-id": "job/1"})").location == "job/1");
  REQUIRE(reply(200, R"({"resource-id": "job/1"})").location.empty());
}

TEST_CASE("reply: a text with brackets is not deep, a deep document is not parsed", "[cimi]") {
  const std::string brackets(1000, '[');
  REQUIRE(reply(200, "{\"a\": \"" + brackets + "\\\"[\"}").ok());
  REQUIRE(reply(200, std::string(500, '[') + std::string(500, ']')).kind == ReplyKind::Unavailable);
  std::string wide = "[";
  for (int i = 0; i < 1000; ++i) wide += "[],";
  REQUIRE(reply(200, wide + "[]]").ok());
}

TEST_CASE("reply: messages of people and of foreign servers stay short lines", "[cimi]") {
  REQUIRE(reply(500, R"({"message": "two\nlines"})").message == "GET x: answered 500: two lines");
  REQUIRE(reply(502, std::string(10'000, 'x')).message.size() < 300);
  REQUIRE(reply(500, "").message == "GET x: answered 500");
  REQUIRE(reply(400, "Malformed JSON in request body.").message ==
          "GET x: answered 400: Malformed JSON in request body.");
}
