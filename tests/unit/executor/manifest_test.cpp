#include <catch2/catch.hpp>

#include "executor/plugins/catalog.hpp"
#include "executor/plugins/manifest.hpp"

using namespace jobengine::executor;
using namespace std::chrono_literals;
using Catch::Contains;

TEST_CASE("manifest: everything it may say") {
  const Manifest manifest = parse_manifest(R"({
    "name": "resize", "description": "Resizes", "pull-mode": true, "timeout": "90s",
    "idle-timeout": 30, "isolation": "shared", "labels": ["gpu", "region=eu"],
    "retry": {"limit": 3, "first-delay": "250ms", "longest-delay": "1m", "on": ["crash", "failure"]},
    "payload-schema": {"type": "object"}, "command": ["./run", "--fast"]})");
  CHECK(manifest.timeout == 90s);
  CHECK(manifest.idle_timeout == 30s);
  CHECK(manifest.isolation == Isolation::Shared);
  CHECK(manifest.labels == std::vector<std::string>{"gpu", "region=eu"});
  CHECK(manifest.retry.limit == 3);
  CHECK(manifest.retry.first_delay == 250ms);
  CHECK(manifest.retry.longest_delay == 1min);
  CHECK(manifest.retry.on_crash);
  CHECK_FALSE(manifest.retry.on_timeout);
  CHECK(manifest.retry.on_failure);
  CHECK(manifest.payload_schema["type"] == "object");
  CHECK(manifest.command == std::vector<std::string>{"./run", "--fast"});

  const Manifest again = manifest_of(to_json(manifest));
  CHECK(to_json(again) == to_json(manifest));
}

TEST_CASE("manifest: what it does not say has a default that is harmless") {
  const Manifest manifest = parse_manifest(R"({"name": "a"})");
  CHECK(manifest.timeout == 0s);
  CHECK(manifest.idle_timeout == 0s);
  CHECK(manifest.isolation == Isolation::Process);
  CHECK(manifest.labels.empty());
  CHECK(manifest.payload_schema.is_null());
  CHECK(manifest.retry.limit == 5);
  CHECK_FALSE(manifest.retry.on_crash);
}

TEST_CASE("manifest: what is wrong is named, with its value and what was expected") {
  struct Case {
    const char* members;
    const char* key;
    const char* expected;
  };
  const auto bad = GENERATE(Case{R"("timeout": "soon")", "timeout", "a duration"},
                            Case{R"("timeout": -1)", "timeout", "a duration"},
                            Case{R"("idle-timeout": 1.5)", "idle-timeout", "a duration"},
                            Case{R"("isolation": "thread")", "isolation", "process or shared"},
                            Case{R"("labels": "gpu")", "labels", "a list of labels"},
                            Case{R"("labels": ["a b"])", "labels", "a list of labels"},
                            Case{R"("labels": [""])", "labels", "a list of labels"},
                            Case{R"("retry": 3)", "retry", "a map"},
                            Case{R"("retry": {"limit": -1})", "limit", "a whole number"},
                            Case{R"("retry": {"limit": 1e9})", "limit", "a whole number"},
                            Case{R"("retry": {"on": ["always"]})", "on", "crash, timeout, failure"},
                            Case{R"("retry": {"first-delay": []})", "first-delay", "a duration"},
                            Case{R"("payload-schema": 3)", "payload-schema", "a JSON Schema"},
                            Case{R"("command": "run")", "command", "a list of texts"},
                            Case{R"("description": 1)", "description", "a text"});
  const std::string text = R"({"name": "resize", )" + std::string(bad.members) + "}";
  CHECK_THROWS_WITH(parse_manifest(text), Contains(std::string("\"") + bad.key + "\"") &&
                                              Contains(bad.expected) && Contains("resize"));
}

TEST_CASE("catalog: a payload-schema that is no schema is refused with its place") {
  Catalog catalog;
  CHECK_THROWS_WITH(catalog.add(parse_manifest(R"({"name": "resize", "payload-schema":
                                {"properties": {"size": {"minimum": "big"}}}})"),
                                "resize.so"),
                    Contains("/properties/size/minimum") && Contains("resize"));
  CHECK(catalog.find("resize") == nullptr);
}

TEST_CASE("catalog: a payload is judged by the schema, no payload as an empty object") {
  Catalog catalog;
  catalog.add(parse_manifest(R"({"name": "resize", "payload-schema": {"type": "object",
              "properties": {"size": {"type": "integer", "minimum": 1}}, "required": ["size"]}})"),
              "resize.so");
  const auto entry = catalog.find("resize");
  REQUIRE(entry != nullptr);
  CHECK(complaint_about_payload(*entry, R"({"size": 3})").empty());
  CHECK_THAT(complaint_about_payload(*entry, R"({"size": 0})"), Contains("/size"));
  CHECK_THAT(complaint_about_payload(*entry, ""), Contains("size"));
}
