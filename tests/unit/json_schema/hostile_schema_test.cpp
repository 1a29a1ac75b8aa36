// Schemas and documents made to take all time or all memory.
#include <catch2/catch.hpp>

#include "common/json_schema/json_schema.hpp"

namespace jobengine::json_schema {
namespace {

using nlohmann::json;

std::string refusal(const json& schema) {
  try {
    JsonSchema unused(schema);
  } catch (const SchemaError& error) {
    return error.what();
  }
  return {};
}

json definition_reference(int number) {
  json reference;
  reference["$ref"] = "#/definitions/d" + std::to_string(number);
  return reference;
}

TEST_CASE("hostile schema: one that applies itself to the same value is refused", "[json_schema]") {
  const std::string endless = "refers to itself without going into the document";
  CHECK(refusal(json::parse(R"({"$ref":"#"})")).find(endless) != std::string::npos);
  CHECK(refusal(json::parse(R"({"allOf":[{"$ref":"#"}]})")).find(endless) != std::string::npos);
  CHECK(refusal(json::parse(R"({"definitions":{"a":{"not":{"$ref":"#/definitions/b"}},
                              "b":{"if":{"$ref":"#/definitions/a"}}}})"))
            .find(endless) != std::string::npos);
  CHECK(refusal(json::parse(R"({"dependencies":{"x":{"$ref":"#"}}})")).find(endless) !=
        std::string::npos);
  // Going into the document is fine.
  CHECK(refusal(json::parse(R"({"properties":{"x":{"$ref":"#"}}})")).empty());
}

TEST_CASE("hostile schema: alternatives that double with each reference are refused",
          "[json_schema]") {
  json schema;
  for (int i = 0; i < 40; ++i) {
    const auto next = definition_reference(i + 1);
    schema["definitions"]["d" + std::to_string(i)]["anyOf"] = json::array({next, next});
  }
  schema["definitions"]["d40"]["type"] = "string";
  CHECK(refusal(schema).find("too many questions") != std::string::npos);
}

TEST_CASE("hostile schema: nested or chained beyond measure is refused", "[json_schema]") {
  json deep = true;
  for (int i = 0; i < 5000; ++i) {
    json outer;
    outer["not"] = std::move(deep);
    deep = std::move(outer);
  }
  CHECK(refusal(deep).find("nested too deeply") != std::string::npos);
  json chain;
  for (int i = 0; i < 5000; ++i) {
    chain["definitions"]["d" + std::to_string(i)] = definition_reference(i + 1);
  }
  chain["definitions"]["d5000"] = true;
  CHECK(refusal(chain).find("from one part to the next too often") != std::string::npos);
  json wide;
  for (int i = 0; i < 20000; ++i) wide["properties"]["p" + std::to_string(i)]["type"] = "null";
  CHECK(refusal(wide).find("too many parts") != std::string::npos);
}

TEST_CASE("hostile document: recursion that doubles on every level ends with a complaint",
          "[json_schema]") {
  const JsonSchema schema(json::parse(R"({"properties":{"x":{"oneOf":[
    {"$ref":"#"},{"allOf":[{"$ref":"#"},{"type":"null"}]}]}}})"));
  json document = json::object();
  for (int i = 0; i < 60; ++i) {
    json outer;
    outer["x"] = std::move(document);
    document = std::move(outer);
  }
  const auto found = schema.violations(document);
  REQUIRE(found.size() == 1);
  CHECK(found[0].expected == "a document that is simpler to check");
}

TEST_CASE("hostile document: patterns take linear time and no stack", "[json_schema]") {
  const JsonSchema schema(json::parse(R"({"pattern":"^(a|a|b)*(a+)+$"})"));
  const std::string long_text(1'000'000, 'a');
  CHECK(schema.violations(long_text).empty());
  CHECK(schema.violations(long_text + "!").size() == 1);
}

TEST_CASE("hostile document: half a million items are told apart in no time", "[json_schema]") {
  const JsonSchema schema(json::parse(R"({"uniqueItems":true})"));
  json list = json::array();
  for (int i = 0; i < 500'000; ++i) list.push_back(i);
  CHECK(schema.violations(list).empty());
  list.push_back(0);
  CHECK(schema.violations(list).size() == 1);
}

TEST_CASE("hostile schema: numbers at their limits", "[json_schema]") {
  const JsonSchema schema(json::parse(R"({"multipleOf":1,"minimum":-1e308})"));
  CHECK(schema.violations(json::parse("-9223372036854775808")).empty());
  CHECK(schema.violations(json::parse("18446744073709551615")).empty());
  CHECK(schema.violations(json::parse("1e308")).empty());
  CHECK(refusal(json::parse(R"({"minLength":1e30})")).starts_with("/minLength"));
  CHECK(refusal(json::parse(R"({"multipleOf":-1})")).starts_with("/multipleOf"));
}

}  // namespace
}  // namespace jobengine::json_schema
