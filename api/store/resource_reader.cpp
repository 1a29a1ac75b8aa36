#include "api/store/resource_reader.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "api/notation/notation.hpp"
#include "api/store/aggregations.hpp"
#include "api/store/document_text.hpp"
#include "api/store/plain_columns.hpp"
#include "api/store/write_health.hpp"

namespace jobengine::api::store {
namespace {

// A search holds up those that wait for its thread, so none may run for as long as it likes.
// Anything sensible takes milliseconds, counting a million documents by an attribute seconds.
constexpr auto longest_search = std::chrono::seconds(20);
// Who sees at most so many has them found by the sets of claims, and sorted.
constexpr std::int64_t few_documents = 5000;
// What a bulk change looks for is all worked off, and not in vain.
constexpr auto longest_bulk_step = std::chrono::seconds(120);

nlohmann::json document_of(const std::string& text,
                           const std::optional<std::vector<std::string>>& only) {
  if (!only) return notation::parsed(text);
  if (auto members = members_of(text, *only)) return std::move(*members);
  auto document = notation::parsed(text);
  nlohmann::json kept = nlohmann::json::object();
  for (const auto& name : *only) {
    const auto found = document.find(name);
    if (found != document.end() && !kept.contains(name)) kept[name] = std::move(*found);
  }
  return kept;
}

// About the memory it takes.
std::size_t weight(const nlohmann::json& value) {
  constexpr std::size_t node = 32;
  if (value.is_string()) return node + value.get_ref<const std::string&>().size();
  std::size_t total = node;
  if (!value.is_structured()) return total;
  for (const auto& [name, part] : value.items()) total += name.size() + weight(part);
  return total;
}

std::string in_words(std::chrono::milliseconds time) {
  const auto count = time.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

// Runs a read that has so much time; what SQLite says becomes what the store's users know.
template <typename Read>
auto translated(const Read& read, std::chrono::milliseconds time = longest_search)
    -> decltype(read()) {
  try {
    return read();
  } catch (const SqliteError& error) {
    if (error.cause() == SqliteError::Cause::TooComplex) {
      throw filter::FilterError(std::string("Invalid CIMI filter. It is too complex: ") +
                                error.what());
    }
    if (error.cause() == SqliteError::Cause::TooLong) {
      throw filter::FilterError(
          "The search was given up after " + in_words(time) +
          ". A filter on id, state, action, created, parent-job or target-resource/href "
          "narrows it best.");
    }
    throw store_unreadable(error);
  }
}

}  // namespace

StoredDocument document_of(const Statement& row,
                           const std::optional<std::vector<std::string>>& only) {
  StoredDocument stored;
  stored.id = row.text(0);
  stored.document = document_of(row.text(1), only);
  stored.revision = row.integer(2);
  stored.awaits_entry = row.integer(3) != 0;
  return stored;
}

ResourceReader::ResourceReader(const std::string& file, std::int64_t cache)
    : connection_(file, Connection::Access::Read),
      get_(connection_, "SELECT id, document, revision, awaits_entry FROM resource WHERE id = ?1"),
      awaiting_(connection_,
                "SELECT id, coalesce(priority, 999) FROM resource WHERE awaits_entry = 1 "
                "ORDER BY coalesce(priority, 999), created, row LIMIT ?1"),
      awaiting_count_(connection_, "SELECT count(*) FROM resource WHERE awaits_entry = 1"),
      setting_(connection_, "SELECT value FROM setting WHERE name = ?1"),
      logs_(connection_) {
  connection_.run("PRAGMA cache_size = -" + std::to_string(cache / 1024) +
                  "; PRAGMA temp_store = MEMORY");
}

std::optional<StoredDocument> ResourceReader::get(const std::string& id) {
  return translated([&]() -> std::optional<StoredDocument> {
    const Use get(get_);
    get->bind(1, std::string_view(id));
    if (!get->step()) return std::nullopt;
    return document_of(get_);
  });
}

std::optional<StoredText> ResourceReader::get_text(const std::string& id) {
  return translated([&]() -> std::optional<StoredText> {
    const Use get(get_);
    get->bind(1, std::string_view(id));
    if (!get->step()) return std::nullopt;
    return StoredText{get_.text(1), get_.integer(2)};
  });
}

std::unique_ptr<ResourceReader> open_reader(const std::string& file, std::int64_t cache) {
  try {
    return std::make_unique<ResourceReader>(file, cache);
  } catch (const SqliteError& error) {
    throw store_unreadable(error);
  }
}

SearchResult ResourceReader::search(const SearchRequest& request,
                                    const std::atomic<bool>& given_up) {
  const std::chrono::milliseconds patience = longest_search;
  const auto longest = std::min(patience, request.most_time.value_or(patience));
  return translated(
      [&] {
        const TimeLimit limit(connection_, longest, &given_up);
        return searched(request, limit);
      },
      longest);
}

std::optional<SearchResult> ResourceReader::try_search(const SearchRequest& request,
                                                       runtime::Duration longest) {
  return translated([&]() -> std::optional<SearchResult> {
    const TimeLimit limit(connection_, longest);
    try {
      return searched(request, limit);
    } catch (const SqliteError& error) {
      if (error.cause() == SqliteError::Cause::TooLong) return std::nullopt;
      throw;
    }
  });
}

SearchResult ResourceReader::searched(const SearchRequest& request, const TimeLimit& limit) {
  const ReadTransaction snapshot(connection_);
  SearchResult result;
  const bool few = depends_on_seen(request) && seen_documents(request) <= few_documents;
  const auto selection = selection_of(request, few ? Seen::Few : Seen::Many);
  const auto offset = std::max<std::int64_t>(request.offset, 0);
  if (selection.of_kinds) {
    result.count = count(selection);
    if (request.limit > 0 && result.count > offset) result.rows = page(selection, request, limit);
  } else {
    if (request.limit > 0) result.rows = page(selection, request, limit);
    const auto got = static_cast<std::int64_t>(result.rows.size());
    // A page that is not full ends the matches: counting again would only cost.
    const bool last_page = request.limit > 0 && got < request.limit && (got > 0 || offset == 0);
    result.count = last_page ? offset + got : count(selection);
  }
  result.aggregations =
      aggregated(connection_, selection, request.collection, request.aggregations);
  return result;
}

std::int64_t ResourceReader::seen_documents(const SearchRequest& request) {
  auto all = request;
  all.filter.reset();
  return count(selection_of(all, Seen::Many));
}

std::int64_t ResourceReader::count(const Selection& selection) {
  const auto text = count_statement(selection);
  Statement statement(connection_, text.sql);
  statement.bind_all(text.values);
  return statement.step() ? statement.integer(0) : 0;
}

std::vector<StoredDocument> ResourceReader::page(const Selection& selection,
                                                 const SearchRequest& request,
                                                 const TimeLimit& limit) {
  const auto text = page_statement(selection, request);
  Statement statement(connection_, text.sql);
  statement.bind_all(text.values);
  std::vector<StoredDocument> rows;
  std::size_t bytes = 0;
  while (statement.step()) {
    auto stored = document_of(statement, request.only);
    bytes += weight(stored.document);
    if (bytes > request.most_bytes) {
      throw filter::FilterError("The search finds too much for one answer: after " +
                                std::to_string(rows.size()) +
                                " resources. Ask for fewer of them (first, last, filter) or for "
                                "less of each (select).");
    }
    rows.push_back(std::move(stored));
    limit.expect_time();
  }
  return rows;
}

std::vector<std::int64_t> ResourceReader::matching_rows(const Selection& selection, RowPlace& place,
                                                        std::int64_t most,
                                                        const std::atomic<bool>& given_up) {
  return translated([&] {
    const TimeLimit limit(connection_, longest_bulk_step, &given_up);
    if (place.last_row == 0) place.last_row = connection_.integer("SELECT max(row) FROM resource");
    std::vector<std::int64_t> rows;
    const auto wanted = [&] { return most - static_cast<std::int64_t>(rows.size()); };
    if (!place.created) {
      rows_after(selection, place, wanted(), rows);
      if (wanted() > 0) place.created = std::numeric_limits<std::int64_t>::min();
    }
    if (place.created && wanted() > 0) {
      rows_after(selection, place, wanted(), rows);
      place.end = wanted() > 0;
    }
    return rows;
  });
}

void ResourceReader::rows_after(const Selection& selection, RowPlace& place, std::int64_t most,
                                std::vector<std::int64_t>& rows) {
  auto values = selection.values;
  const auto bind = [&values](std::int64_t value) {
    values.emplace_back(value);
    return "?" + std::to_string(values.size());
  };
  std::string sql = "SELECT row, created FROM resource WHERE " + selection.where +
                    " AND row <= " + bind(place.last_row);
  if (place.created) {
    sql += " AND (created, row) > (" + bind(*place.created) + ", " + bind(place.row) +
           ") ORDER BY created, row";
  } else {
    sql += " AND created IS NULL AND row > " + bind(place.row) + " ORDER BY row";
  }
  Statement statement(connection_, sql + " LIMIT " + std::to_string(most));
  statement.bind_all(values);
  while (statement.step()) {
    place.row = statement.integer(0);
    if (place.created) place.created = statement.integer(1);
    rows.push_back(place.row);
  }
}

std::vector<std::int64_t> ResourceReader::unused_acls(const std::atomic<bool>& given_up) {
  return translated([&] {
    const TimeLimit limit(connection_, longest_bulk_step, &given_up);
    Statement statement(connection_,
                        "SELECT acl FROM acl_set WHERE NOT EXISTS "
                        "(SELECT 1 FROM resource WHERE resource.acl = acl_set.acl) LIMIT 100000");
    std::vector<std::int64_t> acls;
    while (statement.step()) acls.push_back(statement.integer(0));
    return acls;
  });
}

std::vector<AwaitingEntry> ResourceReader::awaiting_entries(std::int64_t limit) {
  return translated([&] {
    const Use awaiting(awaiting_);
    awaiting->bind(1, limit);
    std::vector<AwaitingEntry> entries;
    while (awaiting->step()) {
      entries.push_back({awaiting->text(0), static_cast<int>(awaiting->integer(1))});
    }
    return entries;
  });
}

std::int64_t ResourceReader::awaiting_count() {
  return translated([&] {
    const Use counting(awaiting_count_);
    return counting->step() ? counting->integer(0) : 0;
  });
}

std::optional<std::string> ResourceReader::setting(const std::string& name) {
  return translated([&]() -> std::optional<std::string> {
    const Use setting(setting_);
    setting->bind(1, std::string_view(name));
    if (!setting->step()) return std::nullopt;
    return setting->text(0);
  });
}

LogPage ResourceReader::read_log(const LogQuery& query, const std::atomic<bool>& given_up) {
  return translated([&] {
    const TimeLimit limit(connection_, longest_search, &given_up);
    const ReadTransaction snapshot(connection_);
    return logs_.read(query, limit);
  });
}

std::optional<LogPage> ResourceReader::try_read_log(const LogQuery& query,
                                                    runtime::Duration longest) {
  return translated([&]() -> std::optional<LogPage> {
    const TimeLimit limit(connection_, longest);
    const ReadTransaction snapshot(connection_);
    try {
      return logs_.read(query, limit);
    } catch (const SqliteError& error) {
      if (error.cause() == SqliteError::Cause::TooLong) return std::nullopt;
      throw;
    }
  });
}

}  // namespace jobengine::api::store
