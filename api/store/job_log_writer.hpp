// Appends to the logs of jobs, inside a transaction of the one writing connection. Lives on the
// writing thread. What an append costs does not depend on how much is there.
#pragma once

#include <array>
#include <string>

#include "api/store/job_log.hpp"
#include "api/store/sqlite_connection.hpp"

namespace jobengine::api::store {

class JobLogWriter {
 public:
  explicit JobLogWriter(Connection& connection);

  LogAppended append(const LogAppend& append);

 private:
  // What there is of a job so far.
  struct Known {
    std::int64_t lines = 0;
    std::int64_t bytes = 0;
    bool full = false;
  };
  struct Chunk {
    std::string text;
    std::int64_t first = 0;
    std::array<std::int64_t, log_stream_names.size()> counts{};  // by stream
    std::int64_t lines = 0;
    void add(const LogLine& line);
  };
  // Nothing: there is no such job.
  std::optional<std::int64_t> row_of(const std::string& job);
  Known known_of(std::int64_t row);
  std::int64_t next_of(std::int64_t row, std::int64_t attempt);
  void insert(std::int64_t row, std::int64_t attempt, const Known& known, const Chunk& chunk);
  void put(std::int64_t row, const Known& known);
  void put_next(std::int64_t row, std::int64_t attempt, std::int64_t next);

  Statement row_;
  Statement known_;
  Statement next_;
  Statement insert_;
  Statement put_;
  Statement put_next_;
};

}  // namespace jobengine::api::store
