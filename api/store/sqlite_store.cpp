// Store on one SQLite file in WAL mode, synchronous FULL: many readers, one writer, a commit is on
// the disk when it is answered.
#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include "api/store/migrations.hpp"
#include "api/store/resource_reader.hpp"
#include "api/store/store.hpp"
#include "api/store/writing_thread.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::api::store {
namespace {

constexpr std::size_t rows_at_once = 500;  // longer transactions would hold up other writes

// A coroutine that waits for its write. Touched on the coroutine's loop only; the writing thread
// passes it back there.
struct WaitingCaller {
  explicit WaitingCaller(const runtime::Executor& executor)
      : timer(executor, runtime::TimePoint::max()) {}
  asio::steady_timer timer;  // never expires; cancelled to wake the coroutine
  bool done = false;
  std::exception_ptr failure;
};

class SqliteStore : public Store {
 public:
  SqliteStore(std::string file, std::unique_ptr<Connection> connection)
      : file_(std::move(file)), writing_(std::move(connection)) {}

  void observe(CommitObserver observer) override { writing_.observe(std::move(observer)); }

  awaitable<std::optional<StoredDocument>> get(std::string id) override {
    co_return reader().get(id);
  }
  awaitable<SearchResult> search(SearchRequest request) override {
    co_return reader().search(request);
  }
  awaitable<std::vector<AwaitingEntry>> awaiting_entries(std::int64_t limit) override {
    co_return reader().awaiting_entries(limit);
  }
  awaitable<std::int64_t> awaiting_count() override { co_return reader().awaiting_count(); }
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

  awaitable<std::int64_t> remove_matching(SearchRequest request) override {
    BatchWrite remove = [](ResourceWriter& writer, const std::vector<std::int64_t>& rows,
                           const Selection& selection) {
      Matched matched;
      matched.changed = writer.remove(rows, selection);
      matched.total = matched.changed;
      return matched;
    };
    const auto removed = co_await in_batches(std::move(request), std::move(remove));
    co_return removed.changed;
  }

  awaitable<Matched> change_matching(SearchRequest request, Decide decide) override {
    BatchWrite write = [decide = std::move(decide)](ResourceWriter& writer,
                                                    const std::vector<std::int64_t>& rows,
                                                    const Selection& selection) {
      return writer.decide(rows, selection, decide);
    };
    const auto matched = co_await in_batches(std::move(request), std::move(write));
    co_return matched;
  }

  awaitable<void> entries_made(std::vector<EntryMade> made) override {
    std::function<void(ResourceWriter&)> apply = [made](ResourceWriter& writer) {
      for (const auto& entry : made) writer.note_entry(entry);
    };
    co_await write(std::move(apply));
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
  awaitable<Matched> in_batches(SearchRequest request, BatchWrite batch) {
    const auto selection = std::make_shared<const Selection>(selection_of(request));
    const auto rows = reader().matching_rows(*selection);
    const auto done = std::make_shared<Matched>();
    Matched total;
    for (std::size_t first = 0; first < rows.size(); first += rows_at_once) {
      const auto last = std::min(rows.size(), first + rows_at_once);
      std::vector<std::int64_t> some(rows.begin() + static_cast<std::ptrdiff_t>(first),
                                     rows.begin() + static_cast<std::ptrdiff_t>(last));
      std::function<void(ResourceWriter&)> apply = [selection, done, batch,
                                                    some](ResourceWriter& writer) {
        *done = batch(writer, some, *selection);
      };
      co_await write(std::move(apply));
      total.total += done->total;
      total.changed += done->changed;
    }
    co_return total;
  }

  // Queues the write and waits until it is durable; throws what it failed with.
  awaitable<void> write(std::function<void(ResourceWriter&)> apply) {
    const runtime::Executor executor = co_await asio::this_coro::executor;
    auto caller = std::make_shared<WaitingCaller>(executor);
    Write queued;
    queued.apply = std::move(apply);
    queued.complete = [executor, caller](const std::exception_ptr& failure) mutable {
      asio::post(executor, [caller = std::move(caller), failure] {
        caller->done = true;
        caller->failure = failure;
        caller->timer.cancel();
      });
    };
    writing_.enqueue(std::move(queued));
    while (!caller->done) {
      boost::system::error_code cancelled;
      auto token = asio::redirect_error(use_awaitable, cancelled);
      co_await caller->timer.async_wait(token);
    }
    if (caller->failure) std::rethrow_exception(caller->failure);
  }

  ResourceReader& reader() {
    const std::lock_guard lock(readers_mutex_);
    auto& reader = readers_[std::this_thread::get_id()];
    if (!reader) {
      try {
        reader = std::make_unique<ResourceReader>(file_);
      } catch (const SqliteError& error) {
        throw StoreUnavailable(error.what());
      }
    }
    return *reader;
  }

  const std::string file_;

  std::mutex readers_mutex_;  // guards the map; each reader belongs to its thread
  std::map<std::thread::id, std::unique_ptr<ResourceReader>> readers_;

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

std::unique_ptr<Connection> open_for_writing(const std::string& file, const std::string& name) {
  try {
    auto connection = std::make_unique<Connection>(file, Connection::Access::ReadAndWrite);
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
        "PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; "
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

std::unique_ptr<Store> open_sqlite_store(const std::string& file) {
  // An absolute name also keeps SQLite from reading a meaning into names such as ":memory:".
  std::error_code error;
  const auto place = std::filesystem::absolute(file, error).lexically_normal();
  if (file.empty() || error) {
    throw runtime::Failure("cannot open database '" + file + "': expected the name of a file");
  }
  check_place(place, file);
  auto connection = open_for_writing(place.string(), file);
  return std::make_unique<SqliteStore>(place.string(), std::move(connection));
}

}  // namespace jobengine::api::store
