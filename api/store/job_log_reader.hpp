// Reads the logs of jobs, on a connection of the thread that made it. Throws SqliteError.
#pragma once

#include <cstdint>
#include <string_view>

#include "api/store/job_log.hpp"
#include "api/store/sqlite_connection.hpp"

namespace jobengine::api::store {

class JobLogReader {
 public:
  explicit JobLogReader(Connection& connection);

  // Inside a transaction, so that lines and counts are of one moment.
  LogPage read(const LogQuery& query, const TimeLimit& limit);

 private:
  std::int64_t count_of(std::int64_t log, const LogQuery& query);
  // Where the chunk begins that holds this position.
  std::int64_t chunk_at(std::int64_t log, std::int64_t position);
  void read_on(std::int64_t log, const LogQuery& query, const TimeLimit& limit, LogPage& page);
  void read_newest(std::int64_t log, const LogQuery& query, const TimeLimit& limit, LogPage& page);

  Statement log_;
  Statement count_;
  Statement chunk_at_;
  Statement forward_;
  Statement backward_;
};

}  // namespace jobengine::api::store
