// Where job-api keeps its resources. One interface; SqliteStore implements it, PostgreSQL can
// follow.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/filter/filter.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::api::store {

// A resource of any collection. The collection is the id up to the '/' ("job" of "job/<uuid>").
struct StoredDocument {
  std::string id;
  nlohmann::json document;    // complete, with id and acl
  std::int64_t revision = 0;  // grows with every change of this document; the ETag
  // Only for jobs: has no queue entry yet and waits for one.
  bool awaits_entry = false;
};

// What a change decides about one document.
struct Decision {
  enum class Kind { Keep, Put, Remove };
  Kind kind = Kind::Keep;
  nlohmann::json document;    // Put
  bool awaits_entry = false;  // Put
};
// Runs on the store's writing thread, inside the transaction that will hold its decision, with the
// newest content (nullptr: there is none): read-modify-write without any race. Must be quick, pure
// and not throw; it may run again when a transaction has to be repeated, so it assigns its results
// instead of appending them.
using Decide = std::function<Decision(const StoredDocument* current)>;

struct Change {
  std::string id;
  Decide decide;
};

// Whose rows are seen: everything, or documents whose acl owners/view-meta hold one of the claims.
struct Visibility {
  bool everything = false;
  std::vector<std::string> claims;
};

struct Ordering {
  std::vector<std::string> path;  // {"target-resource", "href"}
  bool descending = false;
};

struct SearchRequest {
  std::string collection;  // "job"
  std::optional<filter::Node> filter;
  Visibility visibility;
  std::vector<Ordering> order;
  std::int64_t offset = 0;
  std::int64_t limit = 10000;  // 0: count only
  // Top-level attributes of which the rows' documents consist; nothing: of all.
  std::optional<std::vector<std::string>> only;
  // About as much memory may the rows take. Searches run at once, and make texts of it.
  std::size_t most_bytes = 128 * 1024 * 1024;
};
struct SearchResult {
  std::int64_t count = 0;  // all matches
  std::vector<StoredDocument> rows;
};

struct AwaitingEntry {
  std::string id;
  int priority = 999;
};

// A write that could not be made durable (disk full, read-only, …): nothing of it was applied. 503
// for the client.
class StoreUnavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// [any thread] Reads are synchronous and short, on a connection of the calling thread. Writes are
// queued for the one writing thread, which puts what has gathered into one transaction; the
// awaitable resumes on the caller's executor after the commit is durable, or throws
// StoreUnavailable.
class Store {
 public:
  virtual ~Store() = default;

  virtual std::optional<StoredDocument> get(const std::string& id) = 0;
  // Throws FilterError for a filter this store cannot answer (geo operators), and when there is too
  // much to be found.
  virtual SearchResult search(const SearchRequest& request) = 0;

  // All changes in one transaction, decided in order. Returns what the documents are afterwards
  // (nothing: absent).
  virtual awaitable<std::vector<std::optional<StoredDocument>>> change(
      std::vector<Change> changes) = 0;
  // Removes what matches, in batches that let other writes through. Returns how many were removed.
  virtual awaitable<std::int64_t> remove_matching(SearchRequest request) = 0;

  // Jobs that wait for a queue entry: most urgent first, then oldest; at most `limit`.
  virtual std::vector<AwaitingEntry> awaiting_entries(std::int64_t limit) = 0;
  virtual std::int64_t awaiting_count() = 0;
  // Notes that these jobs have their entry: `tags` becomes [path] and awaits_entry false. A final
  // job keeps its tags, and so does one that is taken already and has some.
  struct EntryMade {
    std::string id;
    std::string path;  // "/job/entries/entry-050-0000000012"
  };
  virtual awaitable<void> entries_made(std::vector<EntryMade> made) = 0;

  // Small texts the server keeps for itself (cookie key, schema of the installation).
  virtual std::optional<std::string> setting(const std::string& name) = 0;
  virtual awaitable<void> put_setting(std::string name, std::string value) = 0;
};

// Opens or creates the database and migrates it. Throws Failure naming the file and the reason when
// it cannot be opened, is not writable, is no database, or was written by a newer version.
std::unique_ptr<Store> open_sqlite_store(const std::string& file);

}  // namespace jobengine::api::store
