#include "api/cimi/json_patch.hpp"

#include <catch2/catch.hpp>

#include "api/cimi/cimi_error.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

json applied(const char* document, const char* patch) {
  return patched(json::parse(document), json::parse(patch), "robot/1");
}

// "400: text"
std::string refusal(const json& document, const json& patch) {
  try {
    patched(document, patch, "robot/1");
  } catch (const CimiError& error) {
    CHECK(error.resource_id == "robot/1");
    return std::to_string(error.status) + ": " + error.what();
  }
  return {};
}
std::string refusal(const char* document, const char* patch) {
  return refusal(json::parse(document), json::parse(patch));
}

json operation(const char* op, const std::string& path) {
  return {{"op", op}, {"path", path}};
}

TEST_CASE("JSON patch: every operation", "[api][generic]") {
  CHECK(applied(R"({"a":[1,2]})", R"([{"op":"add","path":"/a/1","value":9}])") ==
        json::parse(R"({"a":[1,9,2]})"));
  CHECK(applied(R"({"a":[1]})", R"([{"op":"add","path":"/a/-","value":2}])")["a"].size() == 2);
  CHECK(applied(R"({"a":1})", R"([{"op":"replace","path":"/a","value":null}])")["a"].is_null());
  CHECK(applied(R"({"a":1,"b":2})", R"([{"op":"remove","path":"/a"}])") == json{{"b", 2}});
  CHECK(applied(R"({"a":{"b":1}})", R"([{"op":"move","from":"/a/b","path":"/c"}])") ==
        json::parse(R"({"a":{},"c":1})"));
  CHECK(applied(R"({"a":{"b":1}})", R"([{"op":"copy","from":"/a","path":"/c"}])")["c"]["b"] == 1);
  CHECK(applied(R"({"a/b":{"~":1}})", R"([{"op":"test","path":"/a~1b/~0","value":1}])").size() ==
        1);
  CHECK(applied(R"({"a":1})", "[]") == json{{"a", 1}});
}

TEST_CASE("JSON patch: what cannot be done is refused with operation and pointer",
          "[api][generic]") {
  const char* document = R"({"a":1,"list":[1],"m":{"x":{}}})";
  CHECK(refusal(document, "{}").starts_with("400: a JSON patch is a list of operations"));
  CHECK(refusal(document, "[7]").starts_with("400: operation 1 of the patch is 7"));
  CHECK(refusal(document, R"([{"path":"/a"}])").find("has no 'op'") != std::string::npos);
  CHECK(refusal(document, R"([{"op":"add","path":"/b"}])").find("has no 'value'") !=
        std::string::npos);
  CHECK(refusal(document, R"([{"op":"fly","path":"/a"}])").find("unknown 'op'") !=
        std::string::npos);
  CHECK(refusal(document, R"([{"op":"remove","path":"a"}])").find("has no JSON pointer") !=
        std::string::npos);
  CHECK(refusal(document, R"([{"op":"remove","path":"/b"}])") ==
        "400: operation 1 of the patch (remove /b) leads nowhere: there is no /b");
  CHECK(refusal(document, R"([{"op":"replace","path":"/list/1","value":1}])").find("there is no") !=
        std::string::npos);
  CHECK(refusal(document, R"([{"op":"test","path":"/a","value":2}])") ==
        "409: operation 1 of the patch (test /a) fails: it is 1, not 2");
  CHECK(refusal(document, R"([{"op":"move","from":"/m","path":"/m/x/y"}])").find("into itself") !=
        std::string::npos);
  CHECK(refusal(document, R"([{"op":"move","from":"/m","path":"/m/x"}])").find("into itself") !=
        std::string::npos);
  CHECK(refusal(document, R"([{"op":"copy","from":"/x","path":"/y"}])").find("there is no /x") !=
        std::string::npos);
}

TEST_CASE("JSON patch: places that would end the library are refused", "[api][generic]") {
  const char* document = R"({"a":1,"list":[1],"t":"x"})";
  for (const char* path : {"/a/b", "/t/0", "/list/0/x", "/list/7", "/list/01", "/list/-1",
                           "/list/x", "/list/99999999999999999999", "/none/x", "", "/list/-/x"}) {
    CAPTURE(path);
    for (const char* op : {"add", "replace", "test"}) {
      auto one = operation(op, path);
      one["value"] = 1;
      CHECK_FALSE(refusal(json::parse(document), json::array({one})).empty());
    }
    if (std::string(path).empty()) continue;
    CHECK_FALSE(refusal(json::parse(document), json::array({operation("remove", path)})).empty());
    for (const char* op : {"copy", "move"}) {
      auto one = operation(op, path);
      one["from"] = "/t";
      CHECK_FALSE(refusal(json::parse(document), json::array({one})).empty());
      one["from"] = path;
      one["path"] = "/new";
      CHECK_FALSE(refusal(json::parse(document), json::array({one})).empty());
    }
  }
  CHECK_FALSE(refusal(document, R"([{"op":"remove","path":""}])").empty());
}

TEST_CASE("JSON patch: copies that double, nest or repeat for ever are refused", "[api][generic]") {
  json doubling = json::array();
  for (int i = 0; i < 40; ++i) {
    auto one = operation("copy", "/a/-");
    one["from"] = "/a";
    doubling.push_back(one);
  }
  const auto document = json::parse(R"({"a":[1]})");
  CHECK(refusal(document, doubling).starts_with("400: operation "));
  json nesting = json::array();
  for (int i = 0; i < 200; ++i) {
    auto one = operation("move", "/b");
    one["from"] = "/a";
    nesting.push_back(operation("add", "/b"));
    nesting.back()["value"] = json::object();
    one["path"] = "/b/a";
    nesting.push_back(one);
    nesting.push_back({{"op", "move"}, {"from", "/b"}, {"path", "/a"}});
  }
  CHECK(refusal(document, nesting).find("nests too deeply") != std::string::npos);
  CHECK(refusal(document, json(std::vector<json>(1001, operation("remove", "/a"))))
            .find("may have 1000 operations, not 1001") != std::string::npos);
  json large;
  large["a"] = std::string(1'000'000, 'x');
  json tests = json::array();
  for (int i = 0; i < 100; ++i) {
    tests.push_back(operation("test", "/a"));
    tests.back()["value"] = large["a"];
  }
  CHECK(refusal(large, tests).find("too much work") != std::string::npos);
}

}  // namespace
}  // namespace jobengine::api::cimi
