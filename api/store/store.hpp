// Where job-api keeps its resources. One interface; SqliteStore implements it, PostgreSQL can
// follow.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/filter/filter.hpp"
#include "api/store/job_log.hpp"
#include "api/store/new_document.hpp"
#include "common/runtime/asio.hpp"
#include "common/runtime/event.hpp"
#include "common/telemetry/metrics.hpp"

namespace jobengine::api::store {

// A resource of any collection. The collection is the id up to the '/' ("job" of "job/<uuid>").
struct StoredDocument {
  std::string id;
  nlohmann::json document;    // complete, with id and acl
  std::int64_t revision = 0;  // grows with every change of this document; the ETag
  // Only for jobs: has no queue entry yet and waits for one.
  bool awaits_entry = false;
  std::string text;  // as StoredText, instead of `document`; only where it was asked for
};

// The same as it is stored, unparsed: JSON without blanks, characters beyond ASCII as UTF-8.
struct StoredText {
  std::string document;
  std::int64_t revision = 0;
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
  // Of what is put only the text is wanted: the result has no `document`.
  bool as_text = false;
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

struct Aggregation {
  enum class Kind {
    Min,
    Max,
    Sum,
    Avg,
    Stats,
    ExtendedStats,
    ValueCount,
    Percentiles,
    Cardinality,
    Missing,
    Terms,
  };
  Kind kind = Kind::Terms;
  std::vector<std::string> path;  // {"target-resource", "href"}
  std::string key;                // "terms:state": where the result stands
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
  // Computed over all matches, not the page (spec 4.6).
  std::vector<Aggregation> aggregations;
  // Given up after this long, if the store's own patience lasts longer.
  std::optional<std::chrono::milliseconds> most_time;
  // About as much memory may the rows take. Searches run at once, and make texts of it.
  std::size_t most_bytes = 128 * 1024 * 1024;
};
struct SearchResult {
  std::int64_t count = 0;  // all matches
  std::vector<StoredDocument> rows;
  nlohmann::json aggregations;  // by Aggregation::key; an empty object when none were asked for
};

struct AwaitingEntry {
  std::string id;
  int priority = 999;
};

// What was asked for cannot be done now. Of a write nothing was applied, and nothing of it will be
// later, but for Unknown.
class StoreUnavailable : public std::runtime_error {
 public:
  enum class Cause {
    Full,      // there is no room for it
    ReadOnly,  // it cannot be written to
    Failing,   // I/O errors, damaged
    Busy,      // too much waits, or what goes before takes too long
    Unknown,   // a write is being made durable, for too long to wait for it: it may still succeed
  };
  StoreUnavailable(Cause its_cause, const std::string& what)
      : std::runtime_error(what), cause(its_cause) {}

  Cause cause;
};

// What a committed write left of one document.
struct Committed {
  std::string id;
  std::shared_ptr<const StoredDocument> after;  // nothing: it was removed
  // No document has changed, but lines came to a job's log: `id` is its log_id(), `after` nothing.
  bool log = false;
};
// Both are called on the store's own thread, which they must not hold up.
struct CommitObserver {
  // Asked at the beginning of each transaction: when false, its changes are not gathered. Who has
  // just become interested and wants to miss nothing awaits an empty change(), and reads then.
  std::function<bool()> interested;
  // Told of every commit once it is durable, in the order of the commits.
  std::function<void(const std::vector<Committed>& changes)> committed;
};

// How a walk over many documents makes room for others.
struct Pace {
  std::size_t at_once = 100;  // documents in one transaction; others' writes wait for it
  runtime::Duration rest{0};  // between two batches
  // Of the caller's loop; once it is raised no further batch begins.
  runtime::Event* ended = nullptr;
  std::function<void(std::int64_t)> removed;  // told how many after each batch; may be empty
};

// [any thread] Everything that may take a while is awaited and resumes on the caller's executor.
// Reads by id are quick. Writes are queued for the one writer, which puts what has gathered into
// one transaction; they resume after the commit is durable, or throw StoreUnavailable, in bounded
// time: how long a write waits and may take is WriteLimits'.
class Store {
 public:
  virtual ~Store() = default;

  // Before the first write; at most one.
  virtual void observe(CommitObserver observer) = 0;
  // Once; the metrics outlive the store.
  virtual void publish_in(telemetry::Metrics& metrics) = 0;
  // Why writes fail at present; empty: they do not.
  virtual std::string write_trouble() const = 0;

  virtual awaitable<std::optional<StoredDocument>> get(std::string id) = 0;
  // For who hands it on without reading much of it: parsing costs more than all else of a get.
  virtual awaitable<std::optional<StoredText>> get_text(std::string id) = 0;
  // Throws FilterError for a filter this store cannot answer (geo operators), and when there is too
  // much to be found.
  virtual awaitable<SearchResult> search(SearchRequest request) = 0;

  // All changes in one transaction, decided in order. Returns what the documents are afterwards
  // (nothing: absent).
  virtual awaitable<std::vector<std::optional<StoredDocument>>> change(
      std::vector<Change> changes) = 0;
  // Adds all of them in one transaction, or none when documents of some of these ids are there:
  // then it returns which.
  virtual awaitable<std::vector<std::string>> add(std::vector<NewDocument> documents) = 0;
  // Removes what matches, in batches that let other writes through. Returns how many were removed.
  virtual awaitable<std::int64_t> remove_matching(SearchRequest request) = 0;
  // The same for what nobody waits for. What was removed before a failure stays removed.
  virtual awaitable<void> remove_paced(SearchRequest request, Pace pace) = 0;
  // Gives up what the store kept only for documents that are gone. For after many were removed.
  virtual awaitable<void> tidy(Pace pace) = 0;
  // Decides on each document that matches, in batches that let other writes through; a document
  // that no longer matches when its turn comes is left out. `decide` never sees a nullptr.
  struct Matched {
    std::int64_t total = 0;    // were decided on
    std::int64_t changed = 0;  // put or removed
  };
  virtual awaitable<Matched> change_matching(SearchRequest request, Decide decide) = 0;

  // Jobs that wait for a queue entry: most urgent first, then oldest; at most `limit`.
  virtual awaitable<std::vector<AwaitingEntry>> awaiting_entries(std::int64_t limit) = 0;
  virtual awaitable<std::int64_t> awaiting_count() = 0;
  // Notes that these jobs have their entry: `tags` becomes [path] and awaits_entry false. A final
  // job keeps its tags, and so does one that is taken already and has some.
  struct EntryMade {
    std::string id;
    std::string path;  // "/job/entries/entry-050-0000000012"
  };
  virtual awaitable<void> entries_made(std::vector<EntryMade> made) = 0;

  // The logs of jobs. They go with their job, and no search looks at them. An append is idempotent:
  // of its lines only those are added whose numbers are not there yet.
  virtual awaitable<LogAppended> append_log(LogAppend append) = 0;
  // Of a job that is not there: nothing.
  virtual awaitable<LogPage> read_log(LogQuery query) = 0;

  // Small texts the server keeps for itself (cookie key, schema of the installation).
  virtual awaitable<std::optional<std::string>> setting(std::string name) = 0;
  virtual awaitable<void> put_setting(std::string name, std::string value) = 0;
};

struct WriteLimits {
  std::size_t most_waiting = 20'000;                                    // one more is refused
  std::chrono::milliseconds longest_wait = std::chrono::seconds(10);    // until it begins
  std::chrono::milliseconds longest_commit = std::chrono::seconds(20);  // from then on
  // How long another program's lock on the database is waited for.
  std::chrono::milliseconds longest_lock = std::chrono::seconds(5);
};

// Opens or creates the database and migrates it. Throws Failure naming the file and the reason when
// it cannot be opened, is not writable, is no database, or was written by a newer version.
std::unique_ptr<Store> open_sqlite_store(const std::string& file, const WriteLimits& limits = {});

}  // namespace jobengine::api::store
