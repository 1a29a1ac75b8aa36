// Store on one SQLite file in WAL mode, synchronous FULL: many readers, one writer, a commit is on
// the disk when it is answered.
#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include "api/store/database_claim.hpp"
#include "api/store/migrations.hpp"
#include "api/store/reading_threads.hpp"
#include "api/store/resource_reader.hpp"
#include "api/store/store.hpp"
#include "api/store/writing_thread.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::api::store {
namespace {

// A bulk change looks for many more rows than it writes in one transaction, because finding them
// may mean sorting all.
constexpr std::int64_t rows_found_at_once = 10'000;

// A search that is done after this was not worth a change of threads.
constexpr auto quick_search = std::chrono::milliseconds(1);
// For reads by id and quick searches, on each thread that serves connections.
constexpr std::int64_t small_cache = 2 * 1024 * 1024;

class SqliteStore : public Store {
 public:
  SqliteStore(std::string file, std::unique_ptr<DatabaseClaim> claim,
              std::unique_ptr<Connection> connection, const WriteLimits& limits)
      : file_(std::move(file)),
        limits_(limits),
        claim_(std::move(claim)),
        reading_(file_, {}),
        writing_(std::move(connection), limits.most_waiting, health_) {}

  void observe(CommitObserver observer) override { writing_.observe(std::move(observer)); }
  void publish_in(telemetry::Metrics& metrics) override { health_.publish_in(metrics); }
  std::string write_trouble() const override { return health_.trouble(); }

  awaitable<std::optional<StoredDocument>> get(std::string id) override {
    co_return reader().get(id);
  }
  awaitable<std::optional<StoredText>> get_text(std::string id) override {
    co_return reader().get_text(id);
  }
  awaitable<SearchResult> search(SearchRequest request) override {
    if (request.aggregations.empty()) {
      auto quick = reader().try_search(request, quick_search);
      if (quick) co_return std::move(*quick);
    }
    const auto result = std::make_shared<SearchResult>();
    ReadingThreads::Work work = [request = std::move(request), result](
                                    ResourceReader& reader, const std::atomic<bool>& given_up) {
      *result = reader.search(request, given_up);
    };
    co_await reading_.run(ReadingThreads::Purpose::Search, std::move(work));
    co_return std::move(*result);
  }
  awaitable<std::vector<AwaitingEntry>> awaiting_entries(std::int64_t limit) override {
    const auto entries = std::make_shared<std::vector<AwaitingEntry>>();
    ReadingThreads::Work work = [limit, entries](ResourceReader& reader, const std::atomic<bool>&) {
      *entries = reader.awaiting_entries(limit);
    };
    co_await reading_.run(ReadingThreads::Purpose::Engine, std::move(work));
    co_return std::move(*entries);
  }
  awaitable<std::int64_t> awaiting_count() override {
    const auto count = std::make_shared<std::int64_t>();
    ReadingThreads::Work work = [count](ResourceReader& reader, const std::atomic<bool>&) {
      *count = reader.awaiting_count();
    };
    co_await reading_.run(ReadingThreads::Purpose::Engine, std::move(work));
    co_return *count;
  }
  awaitable<std::optional<std::string>> setting(std::string name) override {
    co_return reader().setting(name);
  }

  awaitable<std::vector<std::optional<StoredDocument>>> change(
      std::vector<Change> changes) override {
    struct Request {
      std::vector<Change> changes;
      std::vector<std::optional<StoredDocument>> results;
    };
    const auto request = std::make_shared<Request>();
    request->changes = std::move(changes);
    std::function<void(ResourceWriter&)> apply = [request](ResourceWriter& writer) {
      request->results.clear();
      for (const auto& change : request->changes) request->results.push_back(writer.apply(change));
    };
    co_await write(std::move(apply));
    co_return std::move(request->results);
  }

  awaitable<std::vector<std::string>> add(std::vector<NewDocument> documents) override {
    struct Request {
      std::vector<NewDocument> documents;
      std::vector<std::string> there;
    };
    const auto request = std::make_shared<Request>();
    request->documents = std::move(documents);
    std::function<void(ResourceWriter&)> apply = [request](ResourceWriter& writer) {
      request->there = writer.add(request->documents);
    };
    co_await write(std::move(apply), request->documents.size());
    co_return std::move(request->there);
  }

  awaitable<std::int64_t> remove_matching(SearchRequest request) override {
    BatchWrite remove = removal();
    const auto removed = co_await in_batches(std::move(request), std::move(remove), Pace());
    co_return removed.changed;
  }

  awaitable<void> remove_paced(SearchRequest request, Pace pace) override {
    BatchWrite remove = removal();
    co_await in_batches(std::move(request), std::move(remove), std::move(pace));
  }

  awaitable<void> tidy(Pace pace) override {
    const auto unused = std::make_shared<std::vector<std::int64_t>>();
    ReadingThreads::Work find = [unused](ResourceReader& reader,
                                         const std::atomic<bool>& given_up) {
      *unused = reader.unused_acls(given_up);
    };
    co_await reading_.run(ReadingThreads::Purpose::Bulk, std::move(find));
    for (std::size_t first = 0; first < unused->size(); first += pace.at_once) {
      const bool ended = co_await rested(&pace);
      if (ended) co_return;
      std::function<void(ResourceWriter&)> apply =
          [some = part(*unused, first, pace.at_once)](ResourceWriter& writer) {
            writer.remove_unused_acls(some);
          };
      co_await write(std::move(apply));
    }
  }

  awaitable<Matched> change_matching(SearchRequest request, Decide decide) override {
    BatchWrite write = [decide = std::move(decide)](ResourceWriter& writer,
                                                    const std::vector<std::int64_t>& rows,
                                                    const Selection& selection) {
      return writer.decide(rows, selection, decide);
    };
    const auto matched = co_await in_batches(std::move(request), std::move(write), Pace());
    co_return matched;
  }

  awaitable<void> entries_made(std::vector<EntryMade> made) override {
    std::function<void(ResourceWriter&)> apply = [made](ResourceWriter& writer) {
      for (const auto& entry : made) writer.note_entry(entry);
    };
    const auto documents = made.size();
    co_await write(std::move(apply), documents);
  }

  awaitable<LogAppended> append_log(LogAppend append) override {
    struct Request {
      LogAppend append;
      LogAppended result;
    };
    const auto request = std::make_shared<Request>();
    request->append = std::move(append);
    std::function<void(ResourceWriter&)> apply = [request](ResourceWriter& writer) {
      request->result = writer.append_log(request->append);
    };
    co_await write(std::move(apply));
    co_return request->result;
  }
  awaitable<LogPage> read_log(LogQuery query) override {
    auto quick = reader().try_read_log(query, quick_search);
    if (quick) co_return std::move(*quick);
    const auto page = std::make_shared<LogPage>();
    ReadingThreads::Work work = [query = std::move(query), page](
                                    ResourceReader& reader, const std::atomic<bool>& given_up) {
      *page = reader.read_log(query, given_up);
    };
    co_await reading_.run(ReadingThreads::Purpose::Search, std::move(work));
    co_return std::move(*page);
  }

  awaitable<void> put_setting(std::string name, std::string value) override {
    std::function<void(ResourceWriter&)> apply = [name, value](ResourceWriter& writer) {
      writer.put_setting(name, value);
    };
    co_await write(std::move(apply));
  }

 private:
  // What to do with some of the rows that matched, inside a transaction.
  using BatchWrite = std::function<Matched(ResourceWriter&, const std::vector<std::int64_t>& rows,
                                           const Selection&)>;
  static BatchWrite removal() {
    return [](ResourceWriter& writer, const std::vector<std::int64_t>& rows,
              const Selection& selection) {
      Matched matched;
      matched.changed = writer.remove(rows, selection);
      matched.total = matched.changed;
      return matched;
    };
  }

  // What one transaction takes of them.
  static std::vector<std::int64_t> part(const std::vector<std::int64_t>& rows, std::size_t first,
                                        std::size_t most) {
    const auto end = std::min(rows.size(), first + most);
    return {rows.begin() + static_cast<std::ptrdiff_t>(first),
            rows.begin() + static_cast<std::ptrdiff_t>(end)};
  }

  // Before a batch; true: there shall be no further one.
  static awaitable<bool> rested(Pace* pace) {
    if (pace->ended == nullptr) co_return false;
    const bool ended = co_await runtime::pause(pace->rest, *pace->ended);
    co_return ended;
  }

  awaitable<Matched> in_batches(SearchRequest request, BatchWrite batch, Pace pace) {
    struct Walk {
      Selection selection;
      RowPlace place;
      std::vector<std::int64_t> rows;  // found, not written yet
      Matched done;                    // by the last transaction
    };
    const auto walk = std::make_shared<Walk>();
    walk->selection = selection_of(request);
    Matched total;
    while (!walk->place.end) {
      ReadingThreads::Work find = [walk](ResourceReader& reader,
                                         const std::atomic<bool>& given_up) {
        walk->rows =
            reader.matching_rows(walk->selection, walk->place, rows_found_at_once, given_up);
      };
      co_await reading_.run(ReadingThreads::Purpose::Bulk, std::move(find));
      for (std::size_t first = 0; first < walk->rows.size(); first += pace.at_once) {
        const bool ended = co_await rested(&pace);
        if (ended) co_return total;
        const auto some = part(walk->rows, first, pace.at_once);
        std::function<void(ResourceWriter&)> apply = [walk, batch, some](ResourceWriter& writer) {
          walk->done = batch(writer, some, walk->selection);
        };
        co_await write(std::move(apply));
        total.total += walk->done.total;
        total.changed += walk->done.changed;
        if (pace.removed) pace.removed(walk->done.changed);
      }
    }
    co_return total;
  }

  // Queues the write and waits until it is durable; throws what it failed with. `documents`: how
  // many it writes.
  awaitable<void> write(std::function<void(ResourceWriter&)> apply, std::size_t documents = 1) {
    const runtime::Executor executor = co_await asio::this_coro::executor;
    const auto caller = std::make_shared<HandedOver>(executor);
    Write queued;
    queued.apply = std::move(apply);
    queued.caller = caller;
    queued.documents = documents;
    enqueue(std::move(queued));
    HandedOver::Patience patience;
    patience.beginning = limits_.longest_wait;
    patience.end = limits_.longest_wait + limits_.longest_commit;
    const auto outcome = co_await caller->finished(patience);
    if (outcome == HandedOver::Outcome::Done) co_return;
    const auto failure = outcome == HandedOver::Outcome::NeverBegun ? never_begun() : not_ended();
    health_.failed(failure, 1);
    throw failure;
  }

  void enqueue(Write write) {
    try {
      writing_.enqueue(std::move(write));
    } catch (const StoreUnavailable& failure) {
      health_.failed(failure, 1);
      throw;
    }
  }
  StoreUnavailable never_begun() const {
    return {StoreUnavailable::Cause::Busy,
            "The write has waited " + std::to_string(limits_.longest_wait.count()) +
                " ms for those before it and was given up. Try again later."};
  }
  StoreUnavailable not_ended() const {
    return {StoreUnavailable::Cause::Unknown, "The disk does not end the write in " +
                                                  std::to_string(limits_.longest_commit.count()) +
                                                  " ms. Whether it takes effect will show later."};
  }

  ResourceReader& reader() {
    const std::lock_guard lock(readers_mutex_);
    auto& reader = readers_[std::this_thread::get_id()];
    if (!reader) reader = open_reader(file_, small_cache);
    return *reader;
  }

  const std::string file_;
  const WriteLimits limits_;
  const std::unique_ptr<DatabaseClaim> claim_;

  std::mutex readers_mutex_;  // guards the map; each reader belongs to its thread
  std::map<std::thread::id, std::unique_ptr<ResourceReader>> readers_;

  ReadingThreads reading_;
  WriteHealth health_;
  WritingThread writing_;  // last: finishes its writes before anything else goes
};

// What SQLite would only call "unable to open database file".
void check_place(const std::filesystem::path& file, const std::string& name) {
  std::error_code error;
  const auto folder = file.parent_path();
  if (!std::filesystem::exists(folder, error)) {
    throw runtime::Failure("cannot open database " + name + ": the folder " + folder.string() +
                           " does not exist");
  }
  if (!std::filesystem::is_directory(folder, error)) {
    throw runtime::Failure("cannot open database " + name + ": " + folder.string() +
                           " is not a folder");
  }
  if (std::filesystem::is_directory(file, error)) {
    throw runtime::Failure("cannot open database " + name + ": it is a folder, expected a file");
  }
}

std::unique_ptr<Connection> open_for_writing(const std::string& file, const std::string& name,
                                             std::chrono::milliseconds longest_lock) {
  try {
    auto connection = std::make_unique<Connection>(file, Connection::Access::ReadAndWrite);
    connection->wait_for_locks(longest_lock);
    if (!connection->writable()) {
      throw runtime::Failure("cannot open database " + name + ": the file is not writable");
    }
    const auto mode = connection->text("PRAGMA journal_mode = WAL");
    if (mode != "wal") {
      throw runtime::Failure("cannot open database " + name +
                             ": its file system has no write-ahead log (journal mode is " + mode +
                             ")");
    }
    connection->run(
        "PRAGMA synchronous = FULL; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY; "
        "PRAGMA journal_size_limit = 67108864");
    migrate(*connection, name);
    return connection;
  } catch (const SqliteError& error) {
    if (error.cause() == SqliteError::Cause::NoDatabase) {
      throw runtime::Failure("cannot open database " + name + ": it is no SQLite database");
    }
    throw runtime::Failure("cannot open database " + name + ": " + error.what());
  }
}

}  // namespace

std::unique_ptr<Store> open_sqlite_store(const std::string& file, const WriteLimits& limits) {
  // An absolute name also keeps SQLite from reading a meaning into names such as ":memory:".
  std::error_code error;
  const auto place = std::filesystem::absolute(file, error).lexically_normal();
  if (file.empty() || error) {
    throw runtime::Failure("cannot open database '" + file + "': expected the name of a file");
  }
  check_place(place, file);
  // The file has one claim, by whichever of its names it is opened.
  const auto real = std::filesystem::weakly_canonical(place, error);
  auto claim = std::make_unique<DatabaseClaim>((error ? place : real).string(), file);
  auto connection = open_for_writing(place.string(), file, limits.longest_lock);
  return std::make_unique<SqliteStore>(place.string(), std::move(claim), std::move(connection),
                                       limits);
}

}  // namespace jobengine::api::store
