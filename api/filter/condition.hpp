// What one comparison asks of the values at its path, with everything decided that does not depend
// on the document: types, dates, rounding. The SQL and the evaluation in memory are both made from
// this. Pure.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/filter/dates.hpp"
#include "api/filter/field_types.hpp"
#include "api/filter/filter.hpp"

namespace jobengine::api::filter {

using Number = std::variant<std::int64_t, double>;

// A value of the filter as it is compared with documents: with texts by its text, with numbers if
// it is one ("7" is), with true and false by their names.
struct Literal {
  std::string text;
  std::optional<Number> number;
};

struct Condition {
  enum class Kind {
    Exists,    // some value that is not null
    OneOf,     // some value equals one of the literals (none: never)
    Below,     // some value < the first literal (dates: < bound)
    AtMost,    // …
    Above,     //
    AtLeast,   //
    Prefix,    // some text starts with the first literal's text
    FullText,  // the texts together match the first literal as a simple query string
  };
  Kind kind = Kind::Exists;
  bool negated = false;
  bool dates = false;  // values are compared as dates: `spans` for OneOf, `bound` for the order
  std::vector<Literal> literals;
  std::vector<Span> spans;
  Millis bound = 0;
};

// Throws FilterError for the geo operators and for what is no date on an attribute that is one.
Condition resolve(const Comparison& comparison, const FieldTypes& types, Millis now);

}  // namespace jobengine::api::filter
