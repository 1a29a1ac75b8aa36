#include "api/cimi/schema.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string_view>

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;
using Type = Shape::Type;

constexpr std::size_t longest_shown = 80;

std::string shown(const json& value) {
  auto text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > longest_shown) text = text.substr(0, longest_shown) + "…";
  return text;
}

// Where a value stands; spelled out for an offence only. Refers to what it is made of.
struct Location {
  const Location* within = nullptr;       // nothing: the document
  std::string_view name;                  // of a member
  std::optional<std::size_t> index = {};  // of an item

  // "affected-resources[1]/href"
  std::string text() const {
    if (within == nullptr) return std::string(name);
    if (index) return within->text() + "[" + std::to_string(*index) + "]";
    return within->text() + "/" + std::string(name);
  }
};

// The offences found in one document.
class Offences {
 public:
  void add(const Location& where, const std::string& what) {
    ++count_;
    if (count_ <= most_lines) text_ += (text_.empty() ? "" : "\n") + where.text() + ": " + what;
  }
  void missing(const Location& where, const Shape& shape) {
    add(where, "missing, expected " + expected(shape));
  }
  void unfit(const Location& where, const json& value, const Shape& shape) {
    add(where, shown(value) + ", expected " + expected(shape));
  }
  bool none() const { return count_ == 0; }
  std::string text() const {
    if (count_ <= most_lines) return text_;
    return text_ + "\n… and " + std::to_string(count_ - most_lines) + " more";
  }

 private:
  std::size_t count_ = 0;
  std::string text_;
};

void look_at(const Location& where, const Shape& shape, const json& value, Offences& found);

bool text_fits(const Shape& shape, const json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  if (shape.accepts != nullptr && !shape.accepts(text)) return false;
  return shape.one_of.empty() ||
         std::find(shape.one_of.begin(), shape.one_of.end(), text) != shape.one_of.end();
}

bool integer_fits(const Shape& shape, const json& value) {
  constexpr auto largest = std::numeric_limits<std::int64_t>::max();
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{largest}) {
    return false;
  }
  const auto number = value.get<std::int64_t>();
  return number >= shape.least && number <= shape.most.value_or(largest);
}

void look_at_list(const Location& where, const Shape& shape, const json& list, Offences& found) {
  std::set<std::string> seen;
  const bool compare = shape.distinct && list.size() > 1;
  std::size_t index = 0;
  for (const auto& item : list) {
    const Location here{&where, {}, index++};
    if (!shape.items.empty()) look_at(here, shape.items.front(), item, found);
    if (!compare) continue;
    const bool first = seen.insert(item.dump(-1, ' ', true, json::error_handler_t::replace)).second;
    if (!first) found.add(here, shown(item) + " is there twice, expected " + expected(shape));
  }
}

// `within`: nothing for the document itself.
void look_at_members(const Location* within, const Schema& members, bool open, const json& document,
                     Offences& found) {
  std::size_t known = 0;
  for (const auto& member : members) {
    const Location here{within, member.name};
    const auto value = document.find(member.name);
    if (value != document.end()) {
      ++known;
      look_at(here, member.shape, *value, found);
    } else if (member.need != Need::Free) {
      found.missing(here, member.shape);
    }
  }
  if (open || known == document.size()) return;
  for (const auto& [key, value] : document.items()) {
    const bool named = std::any_of(members.begin(), members.end(),
                                   [&](const Attribute& one) { return one.name == key; });
    if (!named) found.add(Location{within, key}, "unknown attribute");
  }
}

void look_at(const Location& where, const Shape& shape, const json& value, Offences& found) {
  bool fine = false;
  switch (shape.type) {
    case Type::Text:
      fine = text_fits(shape, value);
      break;
    case Type::Integer:
      fine = integer_fits(shape, value);
      break;
    case Type::List:
      fine = value.is_array() && value.size() >= shape.least_items;
      if (fine) look_at_list(where, shape, value, found);
      break;
    case Type::Map:
      fine = value.is_object();
      if (fine) look_at_members(&where, shape.members, shape.open, value, found);
      break;
  }
  if (!fine) found.unfit(where, value, shape);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string expected_integer(const Shape& shape) {
  const auto least = std::to_string(shape.least);
  if (!shape.most) return "an integer of at least " + least + " and less than 2^63";
  return "an integer from " + least + " to " + std::to_string(*shape.most);
}

json integer_schema(const Shape& shape) {
  json schema = {{"type", "integer"}, {"format", "int64"}, {"minimum", shape.least}};
  schema["maximum"] = shape.most.value_or(std::numeric_limits<std::int64_t>::max());
  return schema;
}

json list_schema(const Shape& shape) {
  json schema = {{"type", "array"}, {"items", json::object()}};
  if (!shape.items.empty()) schema["items"] = json_schema(shape.items.front());
  if (shape.least_items > 0) schema["minItems"] = shape.least_items;
  if (shape.distinct) schema["uniqueItems"] = true;
  return schema;
}

json map_schema(const Shape& shape) {
  json schema = {{"type", "object"}, {"additionalProperties", shape.open}};
  for (const auto& member : shape.members) {
    schema["properties"][member.name] = json_schema(member.shape);
    if (!member.text.empty()) schema["properties"][member.name]["description"] = member.text;
    if (member.need != Need::Free) schema["required"].push_back(member.name);
  }
  return schema;
}

}  // namespace

std::string expected(const Shape& shape) {
  if (!shape.words.empty()) return shape.words;
  switch (shape.type) {
    case Type::Text:
      if (shape.one_of.size() == 1) return "\"" + shape.one_of.front() + "\"";
      return shape.one_of.empty() ? "a string" : "one of " + joined(shape.one_of);
    case Type::Integer:
      return expected_integer(shape);
    case Type::List:
      return "an array";
    case Type::Map:
      break;
  }
  return "a map";
}

bool fits(const Shape& shape, const json& value) {
  Offences found;
  look_at(Location{}, shape, value, found);
  return found.none();
}

json json_schema(const Shape& shape) {
  json schema;
  switch (shape.type) {
    case Type::Text:
      schema["type"] = "string";
      if (!shape.pattern.empty()) schema["pattern"] = shape.pattern;
      if (!shape.format.empty()) schema["format"] = shape.format;
      if (!shape.one_of.empty()) schema["enum"] = shape.one_of;
      return schema;
    case Type::Integer:
      return integer_schema(shape);
    case Type::List:
      return list_schema(shape);
    case Type::Map:
      break;
  }
  return map_schema(shape);
}

std::string schema_errors(const Schema& schema, const json& document) {
  Offences found;
  look_at_members(nullptr, schema, /*open=*/false, document, found);
  return found.text();
}

std::vector<AttributeDescription> described(const Schema& schema) {
  std::vector<AttributeDescription> attributes;
  for (const auto& one : schema) {
    AttributeDescription attribute;
    attribute.name = one.name;
    attribute.schema = json_schema(one.shape);
    attribute.text = one.text;
    attribute.set_by = one.set_by;
    attribute.mandatory = one.need != Need::Free;
    attribute.needed_on_add = one.need == Need::Sent;
    attribute.searchable = one.searchable;
    attribute.fallback = one.fallback;
    attributes.push_back(std::move(attribute));
  }
  return attributes;
}

Schema operator+(Schema first, const Schema& second) {
  for (const auto& attribute : second) first = with(std::move(first), attribute);
  return first;
}

Schema with(Schema schema, Attribute attribute) {
  const auto same = std::find_if(schema.begin(), schema.end(),
                                 [&](const Attribute& one) { return one.name == attribute.name; });
  if (same == schema.end()) {
    schema.push_back(std::move(attribute));
  } else {
    *same = std::move(attribute);
  }
  return schema;
}

}  // namespace jobengine::api::cimi
