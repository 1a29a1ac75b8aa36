// What SQLite can do at best with job-api's schema and settings: durable commits of whole
// documents, nothing else; a JSON line for each number of rows a commit.
//   store_ceiling --folder DIR [--seconds S]
#include <sqlite3.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "api/store/store.hpp"
#include "common/runtime/failure.hpp"
#include "tests/bench/arguments.hpp"

namespace jobengine::bench {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

class Database {
 public:
  explicit Database(const std::string& file) {
    if (sqlite3_open(file.c_str(), &handle_) != SQLITE_OK) throw runtime::Failure("no database");
    // Those of api/store.
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; "
        "PRAGMA journal_size_limit = 67108864");
    run("INSERT INTO acl_set(acl, claims) VALUES(1000, '[\"bench\"]')");
    insert_ = prepared(
        "INSERT INTO resource(id, document, revision, awaits_entry, created, updated, acl, state, "
        "action, target, execution_mode, priority, collection) VALUES(?1, ?2, ?3, 1, ?3, ?3, 1000, "
        "'QUEUED', 'dummy_test_action', 'bench/any', 'push', 999, 'job')");
    update_ = prepared(
        "UPDATE resource SET document = ?2, revision = ?3, updated = ?3 "
        "WHERE id = ?1");
  }
  ~Database() {
    sqlite3_finalize(insert_);
    sqlite3_finalize(update_);
    sqlite3_close(handle_);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const char* sql) {
    if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return;
    throw runtime::Failure(std::string(sql) + ": " + sqlite3_errmsg(handle_));
  }
  void insert(std::size_t number) { put(insert_, number); }
  void update(std::size_t number) { put(update_, number); }

 private:
  void put(sqlite3_stmt* statement, std::size_t number) {
    char id[48];
    std::snprintf(id, sizeof id, "job/01920000-0000-7000-8000-%012zx", number);
    sqlite3_bind_text(statement, 1, id, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(statement, 2, document_.data(), static_cast<int>(document_.size()),
                      SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, 1'700'000'000'000 + static_cast<std::int64_t>(number));
    const int result = sqlite3_step(statement);
    sqlite3_reset(statement);
    if (result != SQLITE_DONE) throw runtime::Failure(sqlite3_errmsg(handle_));
  }
  sqlite3_stmt* prepared(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(handle_, sql, -1, &statement, nullptr) != SQLITE_OK) {
      throw runtime::Failure(sqlite3_errmsg(handle_));
    }
    return statement;
  }

  // As long as a no-op job's.
  std::string document_ = "{\"text\":\"" + std::string(700, 'x') + "\"}";
  sqlite3* handle_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* update_ = nullptr;
};

// `row` is done with numbers that count up.
template <typename Row>
void measure(Database& database, const char* what, std::size_t rows_a_commit, double seconds,
             Row row) {
  const auto begun = Clock::now();
  std::size_t rows = 0;
  std::chrono::duration<double> took{};
  do {
    database.run("BEGIN IMMEDIATE");
    for (std::size_t i = 0; i < rows_a_commit; ++i) row(rows++);
    database.run("COMMIT");
    took = Clock::now() - begun;
  } while (took.count() < seconds);
  const json figure = {{"what", what},
                       {"rows_per_commit", rows_a_commit},
                       {"rows_per_second", static_cast<double>(rows) / took.count()}};
  std::cout << figure.dump() << std::endl;
}

void measure_all(const Arguments& arguments) {
  const std::string file = arguments.text("folder") + "/ceiling.sqlite";
  {
    const auto schema_made = api::store::open_sqlite_store(file);
  }
  Database database(file);
  const double seconds = arguments.number_or("seconds", 1);
  std::size_t inserted = 0;
  for (const std::size_t rows : {1U, 8U, 32U, 128U, 500U}) {
    measure(database, "insert", rows, seconds, [&](std::size_t) { database.insert(inserted++); });
  }
  for (const std::size_t rows : {1U, 8U, 32U, 128U}) {
    measure(database, "update", rows, seconds,
            [&](std::size_t number) { database.update(number * 7919 % inserted); });
  }
}

}  // namespace
}  // namespace jobengine::bench

int main(int argc, char** argv) {
  try {
    jobengine::bench::measure_all(jobengine::bench::Arguments(argc, argv, 1));
    return 0;
  } catch (const std::exception& failure) {
    std::cerr << "store_ceiling: " << failure.what() << "\n";
    return 1;
  }
}
