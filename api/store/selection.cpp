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

bool only_kinds(const Node& node) {
  if (node.kind != Node::Kind::Comparison) {
    return std::all_of(node.parts.begin(), node.parts.end(), only_kinds);
  }
  const auto path = filter::joined_path(node.comparison.path);
  return (path == "state" || path == "action") && node.comparison.op != filter::Operator::FullText;
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

}  // namespace jobengine::api::store
