#include "api/store/document_text.hpp"

#include <catch2/catch.hpp>
#include <random>

namespace jobengine::api::store {
namespace {

using nlohmann::json;

class Generator {
 public:
  json object(int depth) {
    json result = json::object();
    for (auto count = below(7); count > 0; --count) result[text()] = value(depth);
    return result;
  }
  std::string text() {
    static const std::vector<std::string> pieces = {"a", "b",    "id", "\\",   "\"", "\\\"", "\n",
                                                    "é", "{",    "}",  "[",    "]",  ",",    ":",
                                                    "x", "\\\\", "\t", "null", "",   "\x01"};
    std::string result;
    for (auto count = below(4); count > 0; --count) result += pieces[below(pieces.size())];
    return result;
  }

 private:
  json value(int depth) {
    switch (below(depth > 0 ? 8 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return below(2) == 0;
      case 2:
        return static_cast<int>(below(100)) - 50;
      case 3:
        return static_cast<double>(below(100)) / 8;
      case 4:
      case 5:
        return text();
      case 6:
        return object(depth - 1);
      default: {
        json list = json::array();
        for (auto count = below(4); count > 0; --count) list.push_back(value(depth - 1));
        return list;
      }
    }
  }
  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }
  std::mt19937 random_{20240507};
};

json parsed_members(const json& document, const std::vector<std::string>& names) {
  json part = json::object();
  for (const auto& name : names) {
    if (document.contains(name)) part[name] = document.at(name);
  }
  return part;
}

TEST_CASE("members of a document's text are those of the document", "[store]") {
  Generator generator;
  int found = 0;
  for (int round = 0; round < 20000; ++round) {
    const auto document = generator.object(3);
    std::vector<std::string> names = {generator.text(), "a", "id", "none", "a"};
    for (const auto& [name, value] : document.items()) {
      if (names.size() < 7) names.push_back(name);
    }
    const auto text = document.dump();
    CAPTURE(text);
    const auto members = members_of(text, names);
    const bool escapes = std::any_of(
        document.items().begin(), document.items().end(),
        [](const auto& one) { return json(one.key()).dump() != '"' + one.key() + '"'; });
    CHECK(members.has_value() != escapes);
    if (members) CHECK(*members == parsed_members(document, names));
    if (members && !members->empty()) ++found;
  }
  CHECK(found > 3000);
}

TEST_CASE("a text of another form is left to the parser", "[store]") {
  for (const char* text :
       {"", "{", "[]", "{\"a\"}", "{\"a\":", "{\"a\":1", "{\"a\": 1, \"b\":2}", "{ \"a\":1}",
        "{\"a\":1}x", "{\"a\":1,}", "{\"a\":\"x", "nul", "{\"a\\", "{\"\\\"", "\"a\""}) {
    CAPTURE(text);
    CHECK_FALSE(members_of(text, {"b"}));
  }
  CHECK(members_of("{}", {"a"}) == json::object());
  CHECK(members_of(R"({"a":1})", {}) == json::object());
}

}  // namespace
}  // namespace jobengine::api::store
