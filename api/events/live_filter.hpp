// A filter that is asked of every change: decided once, not for each document. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "api/filter/condition.hpp"
#include "api/filter/filter.hpp"

namespace jobengine::api::events {

class LiveFilter {
 public:
  // Throws FilterError for what no document can be asked (geo operators).
  LiveFilter(filter::Node node, filter::Millis now);

  bool matches(const nlohmann::json& document) const { return matches(root_, document); }
  // Dates relative to now are those of this moment from here on.
  void set_now(filter::Millis now);

 private:
  struct Part {
    filter::Node::Kind kind = filter::Node::Kind::Comparison;
    std::vector<std::string> path;
    filter::Condition condition;
    std::vector<Part> parts;
  };
  static Part resolved(const filter::Node& node, filter::Millis now);
  static bool matches(const Part& part, const nlohmann::json& document);

  filter::Node node_;
  Part root_;
};

std::size_t comparisons_of(const filter::Node& node);

}  // namespace jobengine::api::events
