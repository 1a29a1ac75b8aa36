// Builds filter, orderby and select strings safely. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::cimi {

struct Search {
  std::string filter;
  std::string orderby;              // "created:asc"
  std::vector<std::string> select;  // attributes
  std::optional<int> first;
  std::optional<int> last;  // 0: count only
};

// The form of a search: "filter=…&last=10", percent-encoded; empty parts are left out.
std::string form(const Search& search);

// A string literal of the filter language. Uses the quote kind that does not occur in `text` (the
// language has no escapes); throws Failure for a text with both.
std::string quoted(std::string_view text);

// "['a', 'b']"
std::string quoted_list(const std::vector<std::string>& texts);

// Percent-encoding of one form value or path segment.
std::string percent_encoded(std::string_view text);

}  // namespace jobengine::cimi
