#include "api/filter/condition.hpp"

#include <charconv>
#include <cmath>

namespace jobengine::api::filter {
namespace {

template <typename Value>
std::optional<Value> whole_number(const std::string& text) {
  Value value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) {
    return std::nullopt;
  }
  return value;
}

std::optional<Number> number_of(const std::string& text) {
  if (const auto integer = whole_number<std::int64_t>(text)) return Number{*integer};
  const auto real = whole_number<double>(text);
  if (real && std::isfinite(*real)) return Number{*real};
  return std::nullopt;
}

Literal literal_of(const Scalar& scalar) {
  if (const auto* text = std::get_if<std::string>(&scalar)) return {*text, number_of(*text)};
  if (const auto* number = std::get_if<std::int64_t>(&scalar)) {
    return {std::to_string(*number), Number{*number}};
  }
  if (const auto* truth = std::get_if<bool>(&scalar)) {
    return {*truth ? "true" : "false", std::nullopt};
  }
  if (const auto* date = std::get_if<Date>(&scalar)) return {date->text, std::nullopt};
  return {};
}

Condition::Kind kind_of(const Comparison& comparison) {
  switch (comparison.op) {
    case Operator::Equal:
    case Operator::NotEqual:
      return Condition::Kind::OneOf;
    case Operator::Less:
      return Condition::Kind::Below;
    case Operator::LessOrEqual:
      return Condition::Kind::AtMost;
    case Operator::Greater:
      return Condition::Kind::Above;
    case Operator::GreaterOrEqual:
      return Condition::Kind::AtLeast;
    case Operator::Prefix:
      return Condition::Kind::Prefix;
    case Operator::FullText:
      return Condition::Kind::FullText;
    case Operator::Intersects:
    case Operator::Disjoint:
    case Operator::Within:
    case Operator::Contains:
      break;
  }
  throw FilterError("Invalid CIMI filter. The geographic operator on " +
                    joined_path(comparison.path) + " is not supported by this store.");
}

bool all_dates(const std::vector<Scalar>& scalars) {
  for (const auto& scalar : scalars) {
    if (!std::holds_alternative<Date>(scalar)) return false;
  }
  return !scalars.empty();
}

// true and false are no dates and equal none.
void resolve_dates(Condition& condition, const std::vector<Scalar>& scalars,
                   const std::vector<std::string>& path, Millis now) {
  for (const auto& scalar : scalars) {
    if (std::holds_alternative<bool>(scalar)) continue;
    const auto text = literal_of(scalar).text;
    const auto span = resolve_date(text, now);
    if (!span) {
      throw FilterError("Invalid CIMI filter. '" + text + "' on " + joined_path(path) +
                        " is no date: expected now, 2024-01-31, 2024-01-31T12:00:00.000Z, or one "
                        "of these with steps such as now-7d, now/d, 2024-01-31||+1M/d.");
    }
    condition.spans.push_back(*span);
  }
  if (condition.spans.empty()) return;
  const auto& span = condition.spans.front();
  const bool last =
      condition.kind == Condition::Kind::Above || condition.kind == Condition::Kind::AtMost;
  condition.bound = last ? span.last : span.first;
}

}  // namespace

std::string joined_path(const std::vector<std::string>& path) {
  std::string text;
  for (const auto& name : path) text += (text.empty() ? "" : "/") + name;
  return text;
}

Condition resolve(const Comparison& comparison, const FieldTypes& types, Millis now) {
  Condition condition;
  condition.kind = kind_of(comparison);
  condition.negated = comparison.op == Operator::NotEqual;
  std::vector<Scalar> scalars;
  if (const auto* list = std::get_if<std::vector<Scalar>>(&comparison.operand)) {
    scalars = *list;
  } else {
    scalars.push_back(std::get<Scalar>(comparison.operand));
    if (std::holds_alternative<Null>(scalars.front())) {
      condition.kind = Condition::Kind::Exists;
      condition.negated = comparison.op == Operator::Equal;
      return condition;
    }
  }
  const bool by_order =
      condition.kind != Condition::Kind::Prefix && condition.kind != Condition::Kind::FullText;
  // An unquoted date means a date wherever it stands.
  condition.dates =
      by_order && (types.dates.contains(joined_path(comparison.path)) || all_dates(scalars));
  if (condition.dates) {
    resolve_dates(condition, scalars, comparison.path, now);
  } else {
    for (const auto& scalar : scalars) condition.literals.push_back(literal_of(scalar));
  }
  return condition;
}

}  // namespace jobengine::api::filter
