#include "api/store/sqlite_connection.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>

#include "api/store/sqlite_functions.hpp"

namespace jobengine::api::store {
namespace {

using Cause = SqliteError::Cause;

// SQLite says SQLITE_FULL for ENOSPC only, and for nothing but writing pages.
Cause cause_of_system_error(int system_error) {
  switch (system_error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Cause::NoRoom;
    case EROFS:
    case EPERM:
    case EACCES:
      return Cause::ReadOnly;
    default:
      return Cause::Failing;
  }
}

Cause cause_of(int code, int system_error, std::string_view message) {
  // Nothing but its growth can fail there.
  if (code == SQLITE_IOERR_SHMSIZE) return Cause::NoRoom;
  switch (code & 0xFF) {
    case SQLITE_FULL:
      return Cause::NoRoom;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return cause_of_system_error(system_error);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return Cause::Locked;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Cause::ReadOnly;
    case SQLITE_NOMEM:
    case SQLITE_CORRUPT:
    case SQLITE_NOLFS:
      return Cause::Failing;
    case SQLITE_NOTADB:
      return Cause::NoDatabase;
    case SQLITE_INTERRUPT:
      return Cause::TooLong;
    case SQLITE_TOOBIG:
      return Cause::TooComplex;
    default:
      break;
  }
  const bool limit = message.starts_with("Expression tree is too large") ||
                     message.starts_with("too many ") || message.starts_with("at most ") ||
                     message.find("stack overflow") != std::string_view::npos;
  return limit ? Cause::TooComplex : Cause::Rejected;
}

// Why the system refused a write: transactions are written to the log beside the database. What
// SQLite remembers for the whole connection is lost by the time a failed commit is told.
int error_of_write(sqlite3* database) {
  sqlite3_file* log = nullptr;
  sqlite3_file_control(database, "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&log));
  int error = 0;
  if (log == nullptr || log->pMethods == nullptr) return error;
  log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
  return error;
}

int system_error_of(sqlite3* database, int code) {
  switch (code) {
    case SQLITE_IOERR_WRITE:
    case SQLITE_IOERR_FSYNC:
    case SQLITE_IOERR_TRUNCATE:
      return error_of_write(database);
    default:
      return sqlite3_system_errno(database);
  }
}

}  // namespace

bool SqliteError::unavailable() const {
  return cause_ == Cause::NoRoom || cause_ == Cause::ReadOnly || cause_ == Cause::Locked ||
         cause_ == Cause::Failing;
}

Connection::Connection(const std::string& file, Access access) {
  const int flags =
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
      (access == Access::Read ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const int code = sqlite3_open_v2(file.c_str(), &handle_, flags, nullptr);
  try {
    if (code != SQLITE_OK) fail(code, "cannot open " + file);
    wait_for_locks(std::chrono::seconds(5));
    register_functions(*this);
    if (access == Access::Read) run("PRAGMA query_only = ON");
  } catch (...) {
    sqlite3_close_v2(handle_);
    throw;
  }
}

Connection::~Connection() {
  sqlite3_close_v2(handle_);
}

void Connection::wait_for_locks(std::chrono::milliseconds longest) {
  sqlite3_busy_timeout(handle_, static_cast<int>(longest.count()));
}

void Connection::release_memory() noexcept {
  sqlite3_db_release_memory(handle_);
}

void Connection::run(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code, sql.substr(0, 60));
}

std::int64_t Connection::integer(const std::string& sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

std::string Connection::text(const std::string& sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.text(0) : std::string();
}

bool Connection::writable() const {
  return sqlite3_db_readonly(handle_, "main") == 0;
}
bool Connection::in_transaction() const {
  return sqlite3_get_autocommit(handle_) == 0;
}
std::int64_t Connection::changes() const {
  return sqlite3_changes64(handle_);
}

void Connection::roll_back() noexcept {
  if (in_transaction()) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Connection::fail(int code, const std::string& doing) const {
  // Without memory for a connection there is none to ask.
  const std::string message = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  std::string what = doing + ": " + message;
  const int system_error = handle_ != nullptr ? system_error_of(handle_, code) : 0;
  const int kind = code & 0xFF;
  if (system_error != 0 && (kind == SQLITE_CANTOPEN || kind == SQLITE_IOERR)) {
    what += std::string(" (") + std::strerror(system_error) + ")";
  }
  throw SqliteError(cause_of(code, system_error, message), what);
}

Statement::Statement(Connection& connection, const std::string& sql) : connection_(connection) {
  const int code = sqlite3_prepare_v2(connection.handle(), sql.c_str(),
                                      static_cast<int>(sql.size()), &handle_, nullptr);
  if (code != SQLITE_OK) connection.fail(code, "cannot prepare a statement");
}

Statement::~Statement() {
  sqlite3_finalize(handle_);
}

void Statement::bind(int parameter, std::string_view text) {
  const int code =
      sqlite3_bind_text64(handle_, parameter, text.data() == nullptr ? "" : text.data(),
                          text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) connection_.fail(code, "cannot bind a text");
}

void Statement::bind(int parameter, std::int64_t number) {
  const int code = sqlite3_bind_int64(handle_, parameter, number);
  if (code != SQLITE_OK) connection_.fail(code, "cannot bind a number");
}

void Statement::bind(int parameter, double number) {
  const int code = sqlite3_bind_double(handle_, parameter, number);
  if (code != SQLITE_OK) connection_.fail(code, "cannot bind a number");
}

void Statement::bind(int parameter, const std::optional<std::string>& text) {
  if (text) {
    bind(parameter, std::string_view(*text));
  } else {
    sqlite3_bind_null(handle_, parameter);
  }
}

void Statement::bind(int parameter, const std::optional<std::int64_t>& number) {
  if (number) {
    bind(parameter, *number);
  } else {
    sqlite3_bind_null(handle_, parameter);
  }
}

void Statement::bind_all(const std::vector<filter::SqlValue>& values) {
  int parameter = 0;
  for (const auto& value : values) {
    ++parameter;
    if (const auto* text = std::get_if<std::string>(&value)) {
      bind(parameter, std::string_view(*text));
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
      bind(parameter, *number);
    } else {
      bind(parameter, std::get<double>(value));
    }
  }
}

bool Statement::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) connection_.fail(code, "the database refused");
  return false;
}

void Statement::reset() noexcept {
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

std::string Statement::text(int column) const {
  const auto* bytes = sqlite3_column_text(handle_, column);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(handle_, column);
}
double Statement::real(int column) const {
  return sqlite3_column_double(handle_, column);
}
bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

TimeLimit::TimeLimit(Connection& connection, runtime::Duration limit,
                     const std::atomic<bool>* given_up)
    : connection_(connection), end_(runtime::Clock::now() + limit), given_up_(given_up) {
  constexpr int steps_between_looks = 1000;  // well under a millisecond, also with documents
  const auto look = [](void* self) { return static_cast<const TimeLimit*>(self)->over() ? 1 : 0; };
  sqlite3_progress_handler(connection_.handle(), steps_between_looks, look, this);
}

TimeLimit::~TimeLimit() {
  sqlite3_progress_handler(connection_.handle(), 0, nullptr, nullptr);
}

bool TimeLimit::over() const {
  return (given_up_ != nullptr && *given_up_) || runtime::Clock::now() >= end_;
}

void TimeLimit::expect_time() const {
  if (over()) throw SqliteError(SqliteError::Cause::TooLong, "out of time");
}

}  // namespace jobengine::api::store
