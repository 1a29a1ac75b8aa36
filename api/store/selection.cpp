#include "api/store/selection.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "api/store/plain_columns.hpp"

namespace jobengine::api::store {
namespace {

using filter::Node;

filter::Millis now_millis() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

bool is_equal_to_a_value(const filter::Comparison& comparison) {
  if (comparison.op != filter::Operator::Equal) return false;
  const auto* scalar = std::get_if<filter::Scalar>(&comparison.operand);
  return scalar == nullptr || !std::holds_alternative<filter::Null>(*scalar);
}

// Whether only documents can match of which an attribute among these has one of certain values.
template <typename Names>
bool names_values(const Node& node, const Names& names) {
  const auto of_part = [&names](const Node& part) { return names_values(part, names); };
  if (node.kind == Node::Kind::And) {
    return std::any_of(node.parts.begin(), node.parts.end(), of_part);
  }
  if (node.kind == Node::Kind::Or) return false;
  return is_equal_to_a_value(node.comparison) &&
         std::find(names.begin(), names.end(), filter::joined_path(node.comparison.path)) !=
             names.end();
}

// Attributes whose values are found by themselves, the "+" before the collection keeps SQLite from
// walking it in the wanted order instead.
constexpr std::array<std::string_view, 2> found_by_row = {"id", "tags"};
// Of a value of these there are few documents.
constexpr std::array<std::string_view, 5> selective = {"id", "tags", "parent-job",
                                                       "target-resource/href", "name"};

// The values one of which the attribute must have; nothing when the filter does not say so.
std::vector<filter::Scalar> values_of(const Node& node, std::string_view name) {
  if (node.kind == Node::Kind::And) {
    for (const auto& part : node.parts) {
      if (auto values = values_of(part, name); !values.empty()) return values;
    }
    return {};
  }
  if (node.kind == Node::Kind::Or || !is_equal_to_a_value(node.comparison)) return {};
  if (filter::joined_path(node.comparison.path) != name) return {};
  const auto& operand = node.comparison.operand;
  if (const auto* list = std::get_if<std::vector<filter::Scalar>>(&operand)) return *list;
  return {std::get<filter::Scalar>(operand)};
}

// Whether few documents match, by several values: to sort these is quicker than to walk everything
// in the wanted order, which SQLite prefers. By one value an index has them in order.
bool sorted_after(const Node& node) {
  const auto several = [&node](std::string_view name) { return values_of(node, name).size() > 1; };
  if (std::any_of(selective.begin(), selective.end(), several)) return true;
  const auto states = values_of(node, "state");
  const auto unfinished = [](const filter::Scalar& state) {
    const auto* text = std::get_if<std::string>(&state);
    return text != nullptr && (*text == "QUEUED" || *text == "RUNNING");
  };
  return states.size() > 1 && std::all_of(states.begin(), states.end(), unfinished) &&
         !values_of(node, "action").empty();
}

bool only_kinds(const Node& node) {
  if (node.kind != Node::Kind::Comparison) {
    return std::all_of(node.parts.begin(), node.parts.end(), only_kinds);
  }
  const auto path = filter::joined_path(node.comparison.path);
  return (path == "state" || path == "action") && node.comparison.op != filter::Operator::FullText;
}

// What to sort by; nothing for a name no document can be asked for. Missing values come last in
// both directions, as in the original; so does what is not seen.
std::string order_term(const Ordering& ordering, const std::string& collection,
                       const filter::Sight& sight, std::vector<filter::SqlValue>& values) {
  const auto& mapping = mapping_of(collection);
  const auto path = filter::joined_path(ordering.path);
  std::string term;
  if (const auto column = mapping.columns.find(path); column != mapping.columns.end()) {
    term = column->second.name;
  } else {
    const auto place = filter::json_path(ordering.path);
    if (!place) return {};
    values.emplace_back(*place);
    term = "json_extract(document, ?" + std::to_string(values.size()) + ")";
    if (mapping.types.dates.contains(path)) term = "je_millis(" + term + ")";
  }
  const auto& seen = sight.of(ordering.path, mapping);
  if (!seen.empty()) term = "CASE WHEN " + seen + " THEN " + term + " END";
  return term + (ordering.descending ? " DESC" : " ASC NULLS LAST");
}

}  // namespace

bool depends_on_seen(const SearchRequest& request) {
  return !request.visibility.everything &&
         !(request.filter && names_values(*request.filter, selective));
}

Selection selection_of(const SearchRequest& request, Seen seen) {
  Selection selection;
  auto& values = selection.values;
  values.emplace_back(request.collection);
  const bool jobs = request.collection == "job";
  const auto* node = request.filter ? &*request.filter : nullptr;
  const bool by_row = node != nullptr && names_values(*node, found_by_row) &&
                      (jobs || names_values(*node, std::array<std::string_view, 1>{"id"}));
  const bool by_claims = seen == Seen::Few && depends_on_seen(request);
  selection.of_kinds = node == nullptr || (jobs && only_kinds(*node));
  selection.where = by_row ? "+collection = ?1" : "collection = ?1";
  if (!request.visibility.everything) {
    std::string claims;
    for (const auto& claim : request.visibility.claims) {
      values.emplace_back(claim);
      claims += (claims.empty() ? "?" : ",?") + std::to_string(values.size());
    }
    const auto shown_by = "acl IN (SELECT acl FROM acl_claim WHERE claim IN (" + claims + ")";
    selection.where += (by_claims ? " AND " : " AND +") + shown_by + ")";
    selection.sight.data = "+" + shown_by + " AND sees >= 2)";
    selection.sight.acl = "+" + shown_by + " AND sees >= 3)";
  }
  if (node != nullptr) {
    selection.where += " AND " + filter::to_sql(*node, mapping_of(request.collection), now_millis(),
                                                values, selection.sight);
  }
  return selection;
}

StatementText count_statement(const Selection& selection) {
  const std::string counting = selection.of_kinds
                                   ? "SELECT coalesce(sum(documents), 0) FROM tally WHERE "
                                   : "SELECT count(*) FROM resource WHERE ";
  return {counting + selection.where, selection.values};
}

StatementText page_statement(const Selection& selection, const SearchRequest& request) {
  StatementText text{
      "SELECT id, document, revision, awaits_entry FROM resource WHERE " + selection.where,
      selection.values};
  std::string order;
  const bool sorted = request.filter && sorted_after(*request.filter);
  for (const auto& ordering : request.order) {
    const auto term = order_term(ordering, request.collection, selection.sight, text.values);
    if (!term.empty()) order += (sorted ? "+" : "") + term + ", ";
  }
  // The row makes pages of equal values stable; in the direction of the last term an index has it.
  if (!order.empty()) {
    text.sql += " ORDER BY " + order + (request.order.back().descending ? "row DESC" : "row");
  }
  text.sql += " LIMIT " + std::to_string(request.limit) + " OFFSET " +
              std::to_string(std::max<std::int64_t>(request.offset, 0));
  return text;
}

}  // namespace jobengine::api::store
