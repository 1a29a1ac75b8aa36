#include "api/store/sqlite_functions.hpp"

#include <sqlite3.h>

#include <nlohmann/json.hpp>

#include "api/filter/evaluate.hpp"
#include "api/filter/full_text.hpp"
#include "api/store/sqlite_connection.hpp"

namespace jobengine::api::store {
namespace {

std::string_view text_of(sqlite3_value* value) {
  const auto* bytes = sqlite3_value_text(value);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

void millis(sqlite3_context* context, int, sqlite3_value** arguments) {
  const int type = sqlite3_value_type(arguments[0]);
  if (type == SQLITE_INTEGER) {
    sqlite3_result_value(context, arguments[0]);
  } else if (type == SQLITE_TEXT) {
    if (const auto time = filter::parse_timestamp(text_of(arguments[0]))) {
      sqlite3_result_int64(context, *time);
    }
  }
}

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> names;
  for (;;) {
    const auto slash = path.find('/');
    names.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return names;
    path.remove_prefix(slash + 1);
  }
}

bool full_text_matches(sqlite3_context* context, sqlite3_value** arguments) {
  constexpr int query_argument = 2;
  // The query is read once for a statement, not once for a row: SQLite keeps it beside the
  // parameter.
  auto* query = static_cast<filter::FullTextQuery*>(sqlite3_get_auxdata(context, query_argument));
  std::unique_ptr<filter::FullTextQuery> fresh;
  if (query == nullptr) {
    fresh = std::make_unique<filter::FullTextQuery>(text_of(arguments[query_argument]));
    query = fresh.get();
  }
  const auto document = nlohmann::json::parse(text_of(arguments[0]));
  const bool matches = query->matches(filter::texts_at(split(text_of(arguments[1])), document));
  if (fresh) {
    sqlite3_set_auxdata(context, query_argument, fresh.release(),
                        [](void* kept) { delete static_cast<filter::FullTextQuery*>(kept); });
  }
  return matches;
}

void full_text(sqlite3_context* context, int, sqlite3_value** arguments) {
  try {
    sqlite3_result_int(context, full_text_matches(context, arguments) ? 1 : 0);
  } catch (const std::exception& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

}  // namespace

void register_functions(Connection& connection) {
  constexpr int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  int code = sqlite3_create_function_v2(connection.handle(), "je_millis", 1, flags, nullptr, millis,
                                        nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) {
    code = sqlite3_create_function_v2(connection.handle(), "je_full_text", 3, flags, nullptr,
                                      full_text, nullptr, nullptr, nullptr);
  }
  if (code != SQLITE_OK) connection.fail(code, "cannot register a function");
}

}  // namespace jobengine::api::store
