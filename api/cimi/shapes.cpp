#include <algorithm>
#include <array>

#include "api/cimi/schema.hpp"
#include "api/cimi/timestamp.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;
using Type = Shape::Type;

constexpr std::string_view blanks = " \t\r\n\f\v";

bool lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool alphanumeric(char c) {
  return lower(c) || (c >= 'A' && c <= 'Z') || digit(c);
}

bool is_non_blank(const std::string& text) {
  return text.find_first_not_of(blanks) != std::string::npos;
}

bool is_resource_id(const std::string& text) {
  const auto slash = text.find('/');
  const auto type = std::string_view(text).substr(0, slash);
  if (type.empty() || !lower(type.front()) || !lower(type.back())) return false;
  if (!std::all_of(type.begin(), type.end(), [](char c) { return lower(c) || c == '-'; })) {
    return false;
  }
  if (slash == std::string::npos) return true;
  const auto name = std::string_view(text).substr(slash + 1);
  if (name.empty() || !alphanumeric(name.front()) || !alphanumeric(name.back())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return alphanumeric(c) || c == '_' || c == '-'; });
}

bool is_time(const std::string& text) {
  return parse_timestamp(text).has_value();
}

bool is_principal(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size()) return false;
  const auto kind = std::string_view(text).substr(0, slash);
  const auto name = std::string_view(text).substr(slash + 1);
  return std::all_of(kind.begin(), kind.end(), [](char c) { return lower(c) || c == '-'; }) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return lower(c) || digit(c) || c == '-'; });
}

}  // namespace

namespace shape {

Shape text() {
  return {};
}

Shape non_blank() {
  Shape shape;
  shape.words = "a string that is not blank";
  shape.pattern = R"([^ \t\r\n\f\v])";
  shape.accepts = is_non_blank;
  return shape;
}

Shape one_of(std::vector<std::string> values) {
  Shape shape;
  shape.one_of = std::move(values);
  return shape;
}

Shape integer(std::int64_t least, std::optional<std::int64_t> most) {
  Shape shape;
  shape.type = Type::Integer;
  shape.least = least;
  shape.most = most;
  return shape;
}

Shape time() {
  Shape shape;
  shape.words = "a timestamp such as \"2024-05-06T07:08:09.123Z\"";
  shape.format = "date-time";
  shape.pattern =
      "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,3})?"
      "(Z|[+-][0-9]{2}:[0-9]{2})$";
  shape.accepts = is_time;
  return shape;
}

Shape resource_id() {
  Shape shape;
  shape.words = "a resource id such as \"deployment/1234\"";
  shape.pattern = "^[a-z]([a-z-]*[a-z])?(/[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?)?$";
  shape.accepts = is_resource_id;
  return shape;
}

Shape href() {
  auto shape = map({{"href", resource_id(), "The id of the resource.", SetBy::Client, Need::Sent}});
  shape.words = "a map with a resource id as 'href'";
  return shape;
}

Shape list_of(Shape item, std::string words) {
  Shape shape;
  shape.type = Type::List;
  shape.words = std::move(words);
  shape.items.push_back(std::move(item));
  return shape;
}

Shape tags() {
  auto shape = list_of(text(), "an array of distinct strings");
  shape.distinct = true;
  return shape;
}

Shape acl() {
  Shape principal;
  principal.words = "a principal such as \"user/jane\" or \"group/x\"";
  principal.pattern = "^[a-z-]+/[a-z0-9-]+$";
  principal.accepts = is_principal;
  auto principals = list_of(std::move(principal), "an array of distinct principals");
  principals.distinct = true;
  auto owners = principals;
  owners.words = "an array of at least one principal, each once";
  owners.least_items = 1;
  Schema members{
      {"owners", std::move(owners), "They have every right.", SetBy::Client, Need::Sent}};
  for (const char* right : {"view-meta", "view-data", "view-acl", "edit-meta", "edit-data",
                            "edit-acl", "manage", "delete"}) {
    members.push_back({right, principals});
  }
  auto shape = map(std::move(members));
  shape.open = false;
  shape.words = "a map with 'owners' and lists of principals by right";
  return shape;
}

Shape map(Schema members) {
  Shape shape;
  shape.type = Type::Map;
  shape.members = std::move(members);
  return shape;
}

}  // namespace shape

Schema common_attributes() {
  using enum SetBy;
  return {
      {"id", shape::resource_id(), "<collection>/<uuid>", Server, Need::Stored},
      {"resource-type", shape::non_blank(), "The collection.", Server, Need::Stored},
      {"created", shape::time(), "When it was added.", Server, Need::Stored},
      {"updated", shape::time(), "When it was changed last.", Server, Need::Stored},
      {"acl", shape::acl(), "Who may do what with it; without one its creator owns it.", Client,
       Need::Stored},
      {"created-by", shape::non_blank(), "Who added it; administrators may say somebody else.",
       Creation},
      {"updated-by", shape::non_blank(), "Who changed it last.", Server},
      {"name", shape::non_blank(), "A short name for people."},
      {"description", shape::text(), "A longer text for people."},
      {"parent", shape::resource_id(), "The resource it belongs to."},
      {"resource-metadata", shape::resource_id(), "The resource that describes this kind."},
      {"tags", shape::tags(), "Free words, each once."},
  };
}

namespace check {
namespace {

// A shape with its words, made once.
struct Rule {
  explicit Rule(Shape one) : shape(std::move(one)), words(expected(shape)) {}
  const char* operator()(const json& value) const {
    return fits(shape, value) ? nullptr : words.c_str();
  }
  const Shape shape;
  const std::string words;
};

}  // namespace

const char* non_blank(const json& value) {
  static const Rule rule(shape::non_blank());
  return rule(value);
}

const char* text(const json& value) {
  static const Rule rule(shape::text());
  return rule(value);
}

const char* time(const json& value) {
  static const Rule rule(shape::time());
  return rule(value);
}

const char* resource_id(const json& value) {
  static const Rule rule(shape::resource_id());
  return rule(value);
}

const char* href(const json& value) {
  static const Rule rule(shape::href());
  return rule(value);
}

const char* tags(const json& value) {
  static const Rule rule(shape::tags());
  return rule(value);
}

const char* non_negative(const json& value) {
  static const Rule rule(shape::integer(0));
  return rule(value);
}

}  // namespace check

}  // namespace jobengine::api::cimi
