// Filters as SQL conditions for SQLite: on plain columns where there are some, else on the document
// with its JSON functions. Pure text; the functions je_millis and je_full_text must be registered
// (api/store/sqlite_functions.hpp).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "api/filter/condition.hpp"
#include "api/filter/filter.hpp"

namespace jobengine::api::filter {

using SqlValue = std::variant<std::int64_t, double, std::string>;

// A column that holds the value of an attribute, or NULL when there is none.
struct Column {
  enum class Kind {
    Text,
    Long,
    Date,  // milliseconds since 1970
  };
  std::string name;
  Kind kind = Kind::Text;
};

struct SqlMapping {
  std::string document = "document";      // the column with the JSON text
  std::map<std::string, Column> columns;  // by joined path
  // By joined path, of attributes that hold texts only: a table (value, row) with each of them.
  std::map<std::string, std::string> text_tables;
  // Top-level attributes that everybody sees who may see the document at all.
  std::set<std::string> metadata;
  FieldTypes types;
};

// Conditions on a row under which who asks sees its attributes; empty: always. What is not seen is
// as if it were not there.
struct Sight {
  std::string data;  // whatever is neither metadata nor the acl
  std::string acl;

  // For the attribute at that path.
  const std::string& of(const std::vector<std::string>& path, const SqlMapping& mapping) const;
};

// A boolean expression; NULL counts as false. Parameters are written ?N; their values are appended
// to `values`, N counts from 1 over all of these. Throws FilterError as resolve() does.
std::string to_sql(const Node& node, const SqlMapping& mapping, Millis now,
                   std::vector<SqlValue>& values, const Sight& sight = {});

// Every single value (text, number, true, false) at a path, also inside arrays on the way and at
// the end: one row of `tables` each.
struct ValuesAt {
  std::string tables;  // to be joined with what has the document
  std::string type;    // "text", "integer", "real", "true", "false"; else it is no single value
  std::string value;
};
// Parameters as in to_sql. Nothing for a path no document can be asked for.
std::optional<ValuesAt> values_at(const std::vector<std::string>& path, const SqlMapping& mapping,
                                  std::vector<SqlValue>& values);

// "$.\"target-resource\".\"href\"" as SQLite's JSON functions take it; nothing for a name with a
// double quote or a NUL in it, which they cannot reach.
std::optional<std::string> json_path(const std::vector<std::string>& path);

}  // namespace jobengine::api::filter
