#include "common/json_schema/json_schema.hpp"

#include <catch2/catch.hpp>

namespace jobengine::json_schema {
namespace {

using nlohmann::json;

std::string complaints(const char* schema, const char* document) {
  return text_of(JsonSchema(json::parse(schema)).violations(json::parse(document)));
}

std::string refusal(const std::string& schema) {
  try {
    JsonSchema unused(json::parse(schema));
  } catch (const SchemaError& error) {
    return error.what();
  }
  return {};
}

TEST_CASE("JSON Schema: a complaint names the place, what is there and what was expected",
          "[json_schema]") {
  CHECK(complaints(R"({"properties":{"size":{"type":"integer"}}})", R"({"size":"big"})") ==
        "/size: \"big\", expected an integer");
  CHECK(complaints(R"({"required":["a/b"]})", "{}") == "/a~1b: missing, expected a value");
  CHECK(complaints(R"({"type":["object","null"]})", "7") ==
        "(document): 7, expected a map or null");
  CHECK(complaints(R"({"items":{"maximum":3,"multipleOf":2}})", "[2,4,5]") ==
        "/1: 4, expected at most 3\n/2: 5, expected at most 3\n/2: 5, expected a multiple of 2");
  CHECK(complaints(R"({"additionalProperties":false})", R"({"colour":"red"})") ==
        "/colour: \"red\", expected no such attribute");
  CHECK(complaints(R"({"enum":["a","b"]})", R"("c")") ==
        R"((document): "c", expected one of ["a","b"])");
  CHECK(complaints(R"({"pattern":"^[a-z]+$"})", R"("A1")") ==
        "(document): \"A1\", expected a text that matches ^[a-z]+$");
  CHECK(complaints(R"({"anyOf":[{"type":"string"},{"type":"null"}]})", "1") ==
        "(document): 1, expected one of the 2 choices of \"anyOf\": string, null");
  CHECK(complaints(R"({"minLength":2})", R"("ä")") ==
        "(document): \"\\u00e4\", expected at least 2 characters");
  CHECK(complaints(R"({"dependencies":{"a":["b"]}})", R"({"a":1})") ==
        "/b: missing, expected a value, as there is \"a\"");
}

TEST_CASE("JSON Schema: complaints are few and short however bad the document", "[json_schema]") {
  const JsonSchema schema(json::parse(R"({"items":{"type":"null"}})"));
  json list = json::array();
  for (int i = 0; i < 1000; ++i) list.push_back(std::string(5000, 'x'));
  const auto found = schema.violations(list);
  CHECK(found.size() == 20);
  CHECK(found[0].found.size() < 100);
}

TEST_CASE("JSON Schema: a schema that means nothing is refused with the place", "[json_schema]") {
  CHECK(refusal(R"({"properties":{"a":{"type":"strin"}}})") ==
        "/properties/a/type: \"strin\", expected a type (null, boolean, object, array, number, "
        "string, integer) or a list");
  CHECK(refusal("[]") == "the schema: [], expected a schema: a map, true or false");
  CHECK(refusal(R"({"minimum":"1"})").starts_with("/minimum: \"1\", expected a number"));
  CHECK(refusal(R"({"maxLength":-1})").starts_with("/maxLength: -1, expected a number"));
  CHECK(refusal(R"({"allOf":[]})").starts_with("/allOf: [], expected a list of at least one"));
  CHECK(refusal(R"({"not":7})").starts_with("/not: 7, expected a schema"));
  CHECK(refusal(R"({"items":[{"required":["a","a"]}]})").starts_with("/items/0/required: "));
  CHECK(refusal(R"({"pattern":"("})").starts_with("/pattern: \"(\", expected a regular expr"));
  CHECK(refusal(R"({"patternProperties":{"[":{}}})").starts_with("/patternProperties: \"[\""));
  CHECK(refusal(R"({"multipleOf":0})").starts_with("/multipleOf: 0, expected a number above 0"));
}

TEST_CASE("JSON Schema: a reference must lead to a place in the schema", "[json_schema]") {
  CHECK(
      refusal(R"({"$ref":"#/definitions/none"})").ends_with("a place that exists in this schema"));
  CHECK(refusal(R"({"$ref":"http://example.com/x"})").starts_with("/$ref: \"http://example.com/x"));
  CHECK(refusal(R"({"$ref":"file.json#/a"})").find("a place in this schema") != std::string::npos);
  CHECK(refusal(R"({"$ref":7})").starts_with("/$ref: 7, expected a reference"));
  CHECK(
      refusal(R"({"properties":{"a":{"$ref":"#/x"}},"x":{"type":7}})").starts_with("#/x/type: 7"));
}

}  // namespace
}  // namespace jobengine::json_schema
