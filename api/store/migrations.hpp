// The schema of the SQLite store and how older files become newer ones. The version of a file is
// its user_version: the number of migrations applied to it.
#pragma once

#include <cstddef>
#include <limits>
#include <string>

#include "api/store/sqlite_connection.hpp"

namespace jobengine::api::store {

// Brings the database to the newest schema, in one transaction; `versions`: not beyond that one,
// for tests of migrations. Throws Failure naming `file` when it was written by a newer version or
// belongs to another program.
void migrate(Connection& connection, const std::string& file,
             std::size_t versions = std::numeric_limits<std::size_t>::max());

}  // namespace jobengine::api::store
