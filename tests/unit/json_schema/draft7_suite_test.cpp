// The suite of the JSON Schema people (Debian: json-schema-test-suite), all that is mandatory.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "common/json_schema/json_schema.hpp"

namespace jobengine::json_schema {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path suite = "/usr/share/json-schema-test-suite/tests/draft7";

// What we refuse on purpose: references that leave the document.
bool leaves_document(const json& value) {
  if (value.is_object() && value.contains("$ref") && value["$ref"].is_string()) {
    const auto& reference = value["$ref"].get_ref<const std::string&>();
    if (!reference.starts_with('#')) return true;
  }
  if (!value.is_structured()) return false;
  return std::any_of(value.begin(), value.end(), leaves_document);
}

TEST_CASE("JSON Schema: the official draft 7 suite", "[json_schema]") {
  if (!fs::exists(suite)) {
    WARN("the package json-schema-test-suite is not installed");
    return;
  }
  int judged = 0;
  for (const auto& file : fs::directory_iterator(suite)) {
    if (!file.is_regular_file()) continue;
    std::ifstream stream(file.path());
    for (const auto& group : json::parse(stream)) {
      INFO(file.path().filename().string() << ": " << group["description"]);
      const auto& document = group["schema"];
      if (leaves_document(document)) {
        CHECK_THROWS_AS(JsonSchema(document), SchemaError);
        continue;
      }
      const JsonSchema schema(document);
      for (const auto& test : group["tests"]) {
        const auto found = schema.violations(test["data"]);
        INFO(test["description"] << ": " << text_of(found));
        CHECK(found.empty() == test["valid"].get<bool>());
        ++judged;
      }
    }
  }
  CHECK(judged > 400);
}

}  // namespace
}  // namespace jobengine::json_schema
