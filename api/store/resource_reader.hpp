// Reads of the SQLite store on one connection. Lives on the thread that made it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/store/sqlite_connection.hpp"
#include "api/store/store.hpp"

namespace jobengine::api::store {

// The condition of a search and the values of its parameters, fixed at one moment of "now".
struct Selection {
  std::string where;
  std::vector<filter::SqlValue> values;
  filter::Sight sight;  // of who asks
};
Selection selection_of(const SearchRequest& request);

class ResourceReader {
 public:
  explicit ResourceReader(const std::string& file);

  std::optional<StoredDocument> get(const std::string& id);
  SearchResult search(const SearchRequest& request);
  // The rows of everything that matches, in no order.
  std::vector<std::int64_t> matching_rows(const Selection& selection);
  std::vector<AwaitingEntry> awaiting_entries(std::int64_t limit);
  std::int64_t awaiting_count();
  std::optional<std::string> setting(const std::string& name);

 private:
  std::int64_t count(const Selection& selection);
  std::vector<StoredDocument> page(const Selection& selection, const SearchRequest& request);

  Connection connection_;
  Statement get_;
  Statement awaiting_;
  Statement awaiting_count_;
  Statement setting_;
};

// A row selected as (id, document, revision, awaits_entry).
StoredDocument document_of(const Statement& row);

}  // namespace jobengine::api::store
