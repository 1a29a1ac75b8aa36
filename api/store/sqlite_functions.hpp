// The SQL functions that filters need beside SQLite's own:
//   je_millis(value)                         a date as milliseconds since 1970, or NULL
//   je_full_text(document, path, query)      whether the texts at the path match, 0 or 1
#pragma once

namespace jobengine::api::store {

class Connection;

void register_functions(Connection& connection);

}  // namespace jobengine::api::store
