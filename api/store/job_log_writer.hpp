// Appends to the logs of jobs, and removes those of jobs that are gone, inside a transaction of the
// one writing connection. Lives on the writing thread. What an append costs does not depend on how
// much is there.
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
  // Removes about a megabyte of what jobs that are gone have left, so that others' writes do not
  // wait for long. False: nothing is left.
  bool sweep();

 private:
  // What there is of a log so far.
  struct Known {
    std::int64_t log = 0;  // 0: none yet
    std::int64_t lines = 0;
    std::int64_t bytes = 0;
    bool full = false;
  };
  struct Chunk {
    std::string text;
    std::int64_t position = 0;
    std::int64_t first = 0;
    std::array<std::int64_t, log_stream_names.size()> counts{};  // by stream
    std::int64_t lines = 0;
    void add(const LogLine& line);
  };
  // Nothing: there is no such job.
  std::optional<std::int64_t> row_of(const std::string& job);
  Known known_of(std::int64_t row);
  std::int64_t next_of(std::int64_t log, std::int64_t attempt);
  // Returns the log.
  std::int64_t put(std::int64_t row, const Known& known);
  void put_next(std::int64_t log, std::int64_t attempt, std::int64_t next);
  void insert(std::int64_t log, std::int64_t attempt, const Chunk& chunk);

  // A log of a job that is gone; 0: there is none.
  std::int64_t left_over();
  // How many bytes; 0: the log has no further chunk.
  std::int64_t remove_chunk(std::int64_t log);
  void remove_log(std::int64_t log);

  Statement row_;
  Statement known_;
  Statement next_;
  Statement add_;
  Statement put_;
  Statement put_next_;
  Statement insert_;
  Statement left_over_;
  Statement remove_chunk_;
  Statement remove_attempts_;
  Statement remove_log_;
};

}  // namespace jobengine::api::store
