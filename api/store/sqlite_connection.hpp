// SQLite's C API as two small classes and one exception. A connection and its statements belong to
// one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "api/filter/to_sql.hpp"
#include "common/runtime/asio.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace jobengine::api::store {

class SqliteError : public std::runtime_error {
 public:
  enum class Cause {
    // Nothing can be done now, whatever the statement is:
    NoRoom,    // disk full, quota or a limit of files' sizes reached
    ReadOnly,  // the file, or its file system
    Locked,    // another connection has held it for longer than we wait
    Failing,   // I/O error, damaged, out of memory

    NoDatabase,  // the file is something else
    TooComplex,  // the statement exceeds SQLite's limits
    TooLong,     // it ran out of the time of a TimeLimit
    Rejected,    // this statement or these values are wrong
  };
  SqliteError(Cause cause, const std::string& what) : std::runtime_error(what), cause_(cause) {}
  Cause cause() const { return cause_; }
  // Nothing can be done now.
  bool unavailable() const;

 private:
  Cause cause_;
};

class Connection {
 public:
  enum class Access { Read, ReadAndWrite };

  // Creates the file when it is to be written and does not exist. Registers our SQL functions.
  Connection(const std::string& file, Access access);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // How long a lock of another connection is waited for; 5 s unless told.
  void wait_for_locks(std::chrono::milliseconds longest);
  // What the page cache holds and no transaction needs goes back. To be followed by malloc_trim().
  void release_memory() noexcept;
  // One or more statements without results.
  void run(const std::string& sql);
  // The first column of the first row.
  std::int64_t integer(const std::string& sql);
  std::string text(const std::string& sql);

  bool writable() const;
  bool in_transaction() const;
  // Rows touched by the last statement.
  std::int64_t changes() const;
  // Ends a transaction that is still open; does nothing when SQLite has ended it by itself.
  void roll_back() noexcept;

  sqlite3* handle() const { return handle_; }
  // Throws what the last call's result code means.
  [[noreturn]] void fail(int code, const std::string& doing) const;

 private:
  sqlite3* handle_ = nullptr;
};

// One snapshot for several reads.
class ReadTransaction {
 public:
  explicit ReadTransaction(Connection& connection) : connection_(connection) {
    connection_.run("BEGIN");
  }
  ~ReadTransaction() { connection_.roll_back(); }
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
  Connection& connection_;
};

// A prepared statement. Parameters and columns as SQLite counts them: parameters from 1, columns
// from 0.
class Statement {
 public:
  Statement(Connection& connection, const std::string& sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::int64_t number);
  void bind(int parameter, double number);
  void bind(int parameter, const std::optional<std::string>& text);  // NULL without a value
  void bind(int parameter, const std::optional<std::int64_t>& number);
  void bind_all(const std::vector<filter::SqlValue>& values);

  // Whether there is a (further) row.
  bool step();
  void reset() noexcept;

  std::string text(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  bool is_null(int column) const;

 private:
  Connection& connection_;
  sqlite3_stmt* handle_ = nullptr;
};

// While it lives, a statement of the connection that runs past the limit, or that nobody waits for
// any more, fails as TooLong.
class TimeLimit {
 public:
  TimeLimit(Connection& connection, runtime::Duration limit,
            const std::atomic<bool>* given_up = nullptr);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

  bool over() const;
  // For what is done beside the statement: throws when it is over.
  void expect_time() const;

 private:
  Connection& connection_;
  const runtime::TimePoint end_;
  const std::atomic<bool>* const given_up_;
};

// Resets a kept statement when its use ends: an open one would hold its snapshot of the database.
class Use {
 public:
  explicit Use(Statement& statement) : statement_(statement) {}
  ~Use() { statement_.reset(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  Statement* operator->() const { return &statement_; }

 private:
  Statement& statement_;
};

}  // namespace jobengine::api::store
