#include "api/filter/evaluate.hpp"

#include <algorithm>
#include <limits>

#include "api/filter/full_text.hpp"

namespace jobengine::api::filter {
namespace {

using nlohmann::json;

// Whether `holds` is true for some value at the path. Arrays stand for their elements, arrays of
// maps also on the way; elements that are arrays themselves are not opened.
template <typename Holds>
bool any_value(const json& map, const std::vector<std::string>& path, std::size_t level,
               const Holds& holds) {
  const auto found = map.find(path[level]);
  if (found == map.end()) return false;
  const bool last = level + 1 == path.size();
  const auto one = [&](const json& value) {
    if (last) return holds(value);
    return value.is_object() && any_value(value, path, level + 1, holds);
  };
  if (found->is_array()) return std::any_of(found->begin(), found->end(), one);
  return one(*found);
}

bool has_value(const json& value) {
  if (value.is_structured()) {
    return std::any_of(value.begin(), value.end(),
                       [](const json& part) { return has_value(part); });
  }
  return !value.is_null();
}

// -1, 0, 1; nothing when the document's number and the literal cannot be compared.
std::optional<int> compare_number(const json& value, const Literal& literal) {
  if (!literal.number) return std::nullopt;
  // 80 bits hold every 64-bit integer and every double exactly.
  const auto right =
      std::visit([](auto n) { return static_cast<long double>(n); }, *literal.number);
  const auto left =
      value.is_number_unsigned()  ? static_cast<long double>(value.get<std::uint64_t>())
      : value.is_number_integer() ? static_cast<long double>(value.get<std::int64_t>())
                                  : static_cast<long double>(value.get<double>());
  return left < right ? -1 : left > right ? 1 : 0;
}

std::optional<int> compare(const json& value, const Literal& literal) {
  if (value.is_string()) {
    const int order = value.get_ref<const std::string&>().compare(literal.text);
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  if (value.is_number()) return compare_number(value, literal);
  return std::nullopt;
}

bool equals(const json& value, const Literal& literal) {
  if (value.is_boolean()) return literal.text == (value.get<bool>() ? "true" : "false");
  return compare(value, literal) == 0;
}

bool in_order(Condition::Kind kind, int order) {
  if (kind == Condition::Kind::Below) return order < 0;
  if (kind == Condition::Kind::AtMost) return order <= 0;
  if (kind == Condition::Kind::Above) return order > 0;
  return order >= 0;
}

bool date_holds(const Condition& condition, const json& value) {
  const auto date = date_value(value);
  if (!date) return false;
  if (condition.kind == Condition::Kind::OneOf) {
    return std::any_of(condition.spans.begin(), condition.spans.end(),
                       [&](const Span& span) { return span.first <= *date && *date <= span.last; });
  }
  const int order = *date < condition.bound ? -1 : *date > condition.bound ? 1 : 0;
  return !condition.spans.empty() && in_order(condition.kind, order);
}

bool holds(const Condition& condition, const json& value) {
  if (condition.kind == Condition::Kind::Exists) return has_value(value);
  if (condition.dates) return date_holds(condition, value);
  if (condition.kind == Condition::Kind::OneOf) {
    return std::any_of(condition.literals.begin(), condition.literals.end(),
                       [&](const Literal& literal) { return equals(value, literal); });
  }
  const auto& literal = condition.literals.front();
  if (condition.kind == Condition::Kind::Prefix) {
    return value.is_string() && value.get_ref<const std::string&>().starts_with(literal.text);
  }
  const auto order = compare(value, literal);
  return order && in_order(condition.kind, *order);
}

}  // namespace

std::optional<Millis> date_value(const json& value) {
  if (value.is_string()) return parse_timestamp(value.get_ref<const std::string&>());
  if (value.is_number_integer() && value <= std::numeric_limits<Millis>::max()) {
    return value.get<Millis>();
  }
  return std::nullopt;
}

std::vector<std::string> texts_at(const std::vector<std::string>& path, const json& document) {
  std::vector<std::string> texts;
  if (!document.is_object()) return texts;
  const auto collect = [&texts](const json& value) {
    if (value.is_string()) texts.push_back(value.get<std::string>());
    return false;
  };
  if (path.size() == 1 && path.front() == "fulltext") {
    for (const char* name : {"id", "name", "description", "subtype", "tags"}) {
      any_value(document, {name}, 0, collect);
    }
    return texts;
  }
  any_value(document, path, 0, collect);
  return texts;
}

bool matches(const Condition& condition, const std::vector<std::string>& path,
             const json& document) {
  bool positive = false;
  if (condition.kind == Condition::Kind::FullText) {
    const FullTextQuery query(condition.literals.front().text);
    positive = query.matches(texts_at(path, document));
  } else if (document.is_object()) {
    positive =
        any_value(document, path, 0, [&](const json& value) { return holds(condition, value); });
  }
  return positive != condition.negated;
}

bool matches(const Node& node, const json& document, const FieldTypes& types, Millis now) {
  if (node.kind == Node::Kind::Comparison) {
    const auto condition = resolve(node.comparison, types, now);
    return matches(condition, node.comparison.path, document);
  }
  bool all = true;
  bool any = false;
  for (const auto& part : node.parts) {
    const bool holds_here = matches(part, document, types, now);
    all = all && holds_here;
    any = any || holds_here;
  }
  return node.kind == Node::Kind::And ? all : any;
}

}  // namespace jobengine::api::filter
