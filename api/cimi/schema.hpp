// What values must be, said once: the check of a value, the words of a refusal and the JSON Schema
// that describes it are all made of a Shape. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/cimi/description.hpp"

namespace jobengine::api::cimi {

struct Attribute;

struct Shape {
  enum class Type { Text, Integer, List, Map };
  Type type = Type::Text;
  std::string words;  // "a string that is not blank"; empty: made of the rest

  // Text. The pattern (ECMA 262, ASCII) and `accepts` say the same; the latter is what is run,
  // because a regular expression over a long text of a client may take all time and stack.
  std::string pattern;
  bool (*accepts)(const std::string& text) = nullptr;
  std::string format;               // of JSON Schema: "date-time"
  std::vector<std::string> one_of;  // empty: any

  // Integer
  std::int64_t least = 0;
  std::optional<std::int64_t> most;  // nothing: as many as 64 bits hold

  // List
  std::vector<Shape> items;  // one; none: anything
  std::size_t least_items = 0;
  bool distinct = false;

  // Map
  std::vector<Attribute> members;
  bool open = true;  // may have others, too
};

enum class Need {
  Free,    // may be missing
  Stored,  // every resource has it; the server fills it in where an add leaves it out
  Sent,    // an add without it is refused
};

struct Attribute {
  std::string name;
  Shape shape;
  std::string text = {};  // one sentence for people
  SetBy set_by = SetBy::Client;
  Need need = Need::Free;
  // What an add without it stores; null: nothing, or what depends on the sender.
  nlohmann::json fallback = nullptr;
  bool searchable = true;
};
using Schema = std::vector<Attribute>;

namespace shape {
Shape text();
Shape non_blank();
Shape one_of(std::vector<std::string> values);
Shape integer(std::int64_t least, std::optional<std::int64_t> most = {});
Shape time();
Shape resource_id();
Shape href();  // {"href": "…", …}
Shape list_of(Shape item, std::string words);
Shape tags();
Shape acl();
Shape map(Schema members = {});
}  // namespace shape

// "an integer from 0 to 100": what was expected where a value does not fit.
std::string expected(const Shape& shape);
bool fits(const Shape& shape, const nlohmann::json& value);
// A schema object of OpenAPI 3.0.
nlohmann::json json_schema(const Shape& shape);

// One line for each offence in a document that may have these attributes and no others: where, what
// is there, what was expected ("affected-resources[1]/href: 7, expected a resource id such as …");
// at most `most_lines`, and one that counts the rest. Empty when all is well.
inline constexpr std::size_t most_lines = 25;
std::string schema_errors(const Schema& schema, const nlohmann::json& document);

std::vector<AttributeDescription> described(const Schema& schema);

// Attributes every resource may have, with the mandatory ones.
Schema common_attributes();
Schema operator+(Schema first, const Schema& second);
// `schema` with `attribute` in place of the one of that name.
Schema with(Schema schema, Attribute attribute);

// What was expected instead; nullptr when the value is fine.
namespace check {
const char* non_blank(const nlohmann::json& value);
const char* text(const nlohmann::json& value);
const char* time(const nlohmann::json& value);
const char* resource_id(const nlohmann::json& value);
const char* href(const nlohmann::json& value);
const char* tags(const nlohmann::json& value);
const char* non_negative(const nlohmann::json& value);
}  // namespace check

}  // namespace jobengine::api::cimi
