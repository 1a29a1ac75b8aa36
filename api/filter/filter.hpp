// The CIMI filter language (spec 4.1 to 4.4): text to tree. Pure.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace jobengine::api::filter {

// 400 for the client: "Invalid CIMI filter. Parse error at line L, column C: …" (spec 4.4).
class FilterError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Operator {
  Equal,
  NotEqual,
  Less,
  LessOrEqual,
  Greater,
  GreaterOrEqual,
  Prefix,    // ^=
  FullText,  // ==
  Intersects,
  Disjoint,
  Within,
  Contains,  // geo: parsed, refused by the store
};

struct Null {
  friend bool operator==(const Null&, const Null&) = default;
};
// An unquoted date, checked to be a full timestamp; text as written.
struct Date {
  std::string text;
  friend bool operator==(const Date&, const Date&) = default;
};
using Scalar = std::variant<Null, bool, std::int64_t, std::string, Date>;
using Operand = std::variant<Scalar, std::vector<Scalar>>;

// `attribute operator operand`; a comparison written the other way round is mirrored (3<a is a>3).
struct Comparison {
  std::vector<std::string> path;  // {"target-resource", "href"}
  Operator op = Operator::Equal;
  Operand operand;
};

// Either a comparison or a conjunction/disjunction of at least two parts (a single part is lifted).
struct Node {
  enum class Kind { Comparison, And, Or };
  Kind kind = Kind::Comparison;
  Comparison comparison;
  std::vector<Node> parts;
};

// Throws FilterError with line, column and what was expected; also for nesting deeper than 200 and
// for what the grammar takes but has no meaning (an unquoted partial date, an integer beyond 64
// bits). 4000 clauses are fine.
Node parse(std::string_view text);

// The filters of one request, each parenthesised and joined with "and" as the original does
// (columns in errors count these parentheses).
Node parse_all(const std::vector<std::string>& filters);

}  // namespace jobengine::api::filter
