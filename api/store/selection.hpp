// What of a search becomes the WHERE of a statement, and how SQLite is kept from finding it in the
// wrong order: it has no statistics. Pure.
#pragma once

#include <string>
#include <vector>

#include "api/filter/to_sql.hpp"
#include "api/store/store.hpp"

namespace jobengine::api::store {

// The condition of a search and the values of its parameters, fixed at one moment of "now".
struct Selection {
  std::string where;
  std::vector<filter::SqlValue> values;
  filter::Sight sight;  // of who asks
  // Whether it asks for nothing but collection, state, action and the set of claims: it can be
  // asked of the table `tally` as well, which sums up the documents by these.
  bool of_kinds = false;
};

// How much of the collection the caller sees: few are found by their sets of claims.
enum class Seen { Few, Many };
// Whether that decides how the search is done.
bool depends_on_seen(const SearchRequest& request);
Selection selection_of(const SearchRequest& request, Seen seen = Seen::Many);

struct StatementText {
  std::string sql;
  std::vector<filter::SqlValue> values;
};
// How many match.
StatementText count_statement(const Selection& selection);
// The page that is asked for: id, document, revision, awaits_entry.
StatementText page_statement(const Selection& selection, const SearchRequest& request);

}  // namespace jobengine::api::store
