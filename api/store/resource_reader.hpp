// Reads of the SQLite store on one connection. Lives on the thread that made it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/store/job_log_reader.hpp"
#include "api/store/selection.hpp"
#include "api/store/sqlite_connection.hpp"
#include "api/store/store.hpp"

namespace jobengine::api::store {

// Where a walk over everything that matches has come to. It goes by time of creation, then row:
// what is made meanwhile is met last, and not at all when it was made after the walk began.
struct RowPlace {
  std::int64_t last_row = 0;            // the newest there was when the walk began
  std::optional<std::int64_t> created;  // nothing: still among those without one
  std::int64_t row = 0;
  bool end = false;
};

class ResourceReader {
 public:
  // `cache`: bytes of the database it may keep in memory.
  ResourceReader(const std::string& file, std::int64_t cache);

  std::optional<StoredDocument> get(const std::string& id);
  std::optional<StoredText> get_text(const std::string& id);
  // Takes at most longest_search; ends early, with any exception, when it is given up.
  SearchResult search(const SearchRequest& request, const std::atomic<bool>& given_up);
  // Nothing when it would take longer than this.
  std::optional<SearchResult> try_search(const SearchRequest& request, runtime::Duration limit);
  // The next rows that match, oldest first, at most `most`; `place` moves behind them. Each call
  // sees the newest content.
  std::vector<std::int64_t> matching_rows(const Selection& selection, RowPlace& place,
                                          std::int64_t most, const std::atomic<bool>& given_up);
  // Some of the sets of claims that no document has.
  std::vector<std::int64_t> unused_acls(const std::atomic<bool>& given_up);
  std::vector<AwaitingEntry> awaiting_entries(std::int64_t limit);
  std::int64_t awaiting_count();
  void release_memory() noexcept { connection_.release_memory(); }
  std::optional<std::string> setting(const std::string& name);
  // As search() and try_search().
  LogPage read_log(const LogQuery& query, const std::atomic<bool>& given_up);
  std::optional<LogPage> try_read_log(const LogQuery& query, runtime::Duration longest);

 private:
  SearchResult searched(const SearchRequest& request, const TimeLimit& limit);
  // How many of the collection the caller sees at all.
  std::int64_t seen_documents(const SearchRequest& request);
  std::int64_t count(const Selection& selection);
  std::vector<StoredDocument> page(const Selection& selection, const SearchRequest& request,
                                   const TimeLimit& limit);

  void rows_after(const Selection& selection, RowPlace& place, std::int64_t most,
                  std::vector<std::int64_t>& rows);

  Connection connection_;
  Statement get_;
  Statement awaiting_;
  Statement awaiting_count_;
  Statement setting_;
  JobLogReader logs_;
};

// For a thread's own use; throws StoreUnavailable when there can be none.
std::unique_ptr<ResourceReader> open_reader(const std::string& file, std::int64_t cache);

// A row selected as (id, document, revision, awaits_entry); `only`: the document consists of these
// top-level attributes.
StoredDocument document_of(const Statement& row,
                           const std::optional<std::vector<std::string>>& only = {});

}  // namespace jobengine::api::store
