// The log of a job as the store keeps it: lines in the order in which they came, in chunks as they
// came. A line has a number within its attempt, which its sender gives it, and a position: how many
// lines of the job, of all attempts, came before it. Who reads on from a position misses nothing,
// also when the last lines of an attempt come after the first ones of the next.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::api::store {

// Where a line comes from, in the order in which the table counts them.
enum class LogStream { Stdout, Stderr, Log, Engine };
inline constexpr std::array<std::string_view, 4> log_stream_names{"stdout", "stderr", "log",
                                                                  "engine"};

struct LogLine {
  LogStream stream = LogStream::Stdout;
  // A JSON object on one line that begins with its stream: {"stream":"stdout",…}.
  std::string json;
};

// "job/<uuid>/logs": what a commit says has changed when lines were appended.
inline std::string log_id(std::string_view job) {
  return std::string(job) + "/logs";
}

struct LogAppend {
  std::string job;  // "job/<uuid>"
  std::int64_t attempt = 1;
  std::int64_t first = 0;  // the number of the first line
  std::vector<LogLine> lines;
  std::int64_t limit = 0;  // so many bytes of JSON are kept of a job, over all attempts
  LogLine notice;          // kept, once, in place of the first line beyond the limit
};

struct LogAppended {
  enum class Outcome {
    Kept,  // the lines are there, now or before; or the log is full
    Gap,   // lines between `next` and `first` never came: nothing is kept
    NoJob,
  };
  Outcome outcome = Outcome::NoJob;
  std::int64_t next = 0;   // the number of the line that is to come next in that attempt
  std::int64_t added = 0;  // lines, the notice included
  bool full = false;       // the limit is reached: nothing more will be kept
};

struct LogQuery {
  std::string job;
  std::optional<std::int64_t> attempt;
  std::optional<LogStream> stream;
  // The first that match from this position on; nothing: the newest that match.
  std::optional<std::int64_t> from;
  std::int64_t most_lines = 1000;
  // About so much JSON at most, and at least one line.
  std::size_t most_bytes = 4UL * 1024 * 1024;
  bool counted = true;  // LogPage::count is wanted
};

struct LogPage {
  struct Line {
    std::int64_t position = 0;
    std::int64_t attempt = 0;
    std::int64_t number = 0;
    std::string json;
  };
  std::vector<Line> lines;  // by position
  std::int64_t count = 0;   // all that match, wherever they stand
  // Who goes on reads from this position: behind everything that was looked at.
  std::int64_t next = 0;
  bool more = false;  // something stands at `next` or behind it
};

}  // namespace jobengine::api::store
