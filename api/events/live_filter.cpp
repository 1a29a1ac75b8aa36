#include "api/events/live_filter.hpp"

#include <algorithm>

#include "api/filter/evaluate.hpp"
#include "api/filter/field_types.hpp"

namespace jobengine::api::events {

using filter::Node;

LiveFilter::LiveFilter(Node node, filter::Millis now)
    : node_(std::move(node)), root_(resolved(node_, now)) {}

void LiveFilter::set_now(filter::Millis now) {
  root_ = resolved(node_, now);
}

LiveFilter::Part LiveFilter::resolved(const Node& node, filter::Millis now) {
  Part part;
  part.kind = node.kind;
  if (node.kind == Node::Kind::Comparison) {
    part.path = node.comparison.path;
    part.condition = filter::resolve(node.comparison, filter::FieldTypes(), now);
  }
  for (const auto& one : node.parts) part.parts.push_back(resolved(one, now));
  return part;
}

bool LiveFilter::matches(const Part& part, const nlohmann::json& document) {
  const auto holds = [&](const Part& one) { return matches(one, document); };
  switch (part.kind) {
    case Node::Kind::Comparison:
      return filter::matches(part.condition, part.path, document);
    case Node::Kind::And:
      return std::all_of(part.parts.begin(), part.parts.end(), holds);
    case Node::Kind::Or:
      return std::any_of(part.parts.begin(), part.parts.end(), holds);
  }
  return false;
}

std::size_t comparisons_of(const Node& node) {
  if (node.kind == Node::Kind::Comparison) return 1;
  std::size_t count = 0;
  for (const auto& part : node.parts) count += comparisons_of(part);
  return count;
}

}  // namespace jobengine::api::events
