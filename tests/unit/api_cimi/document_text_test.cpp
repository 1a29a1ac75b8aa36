#include "api/cimi/document_text.hpp"

#include <catch2/catch.hpp>

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

TEST_CASE("document text: the attributes asked for are those of the parsed document", "[api]") {
  const json document = {{"acl", {{"owners", {"user/a"}}}},
                         {"id", "job/1"},
                         {"payload", R"({"id":"another","acl":[]}, "state":"x")"},
                         {"nested", {{"state", "inner"}, {"list", {1, "]}", {{"id", 2}}}}}},
                         {"state", "QUEUED"},
                         {"quoted \" name", "never mind"},
                         {"empty", json::object()},
                         {"number", -1.5e10},
                         {"nothing", nullptr}};
  auto plain = document;
  plain.erase("quoted \" name");
  const auto found = attributes_of(plain.dump(), {"id", "state", "acl", "missing"});
  REQUIRE(found);
  CHECK(*found == json{{"id", "job/1"}, {"state", "QUEUED"}, {"acl", document["acl"]}});
  // A name with an escape could mean any.
  CHECK_FALSE(attributes_of(document.dump(), {"id"}));
}

TEST_CASE("document text: what cannot be answered as it stands is left to be parsed", "[api]") {
  for (const char* text :
       {"{\"name\":\"\xC3\xA9\"}", "{\"name\":\"\x7F\"}", "{ \"id\":1}", "{\"id\" :1}", "{\"id\":1",
        "{\"id\":\"1}", "{\"id\":1}x", "{}", "[]", "", "{\"id\":}", "{\"id\":1,}"}) {
    CAPTURE(text);
    CHECK_FALSE(attributes_of(text, {"id"}));
  }
}

TEST_CASE("document text: an attribute is added as text", "[api]") {
  const auto text = with_attribute("{\"id\":1}", "operations", "[{\"rel\":\"edit\"}]");
  CHECK(json::parse(text) == json{{"id", 1}, {"operations", {{{"rel", "edit"}}}}});
}

}  // namespace
}  // namespace jobengine::api::cimi
