// The log of one run: what the action printed and said, and what the engine did with it. Cut to
// its limit, numbered and made into requests here; sent by LogShipping. Pure.
//
// Up to the limit everything is kept; of what follows only the last lines, which come at the end,
// behind a line that says how much is missing. What the engine did is kept always.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "executor/hosts/output_tail.hpp"

namespace jobengine::executor {

enum class LogStream { Stdout, Stderr, Log, Engine };

using WallTime = std::chrono::system_clock::time_point;

// "2026-11-21T08:00:00.123Z"
std::string log_time(WallTime time);

// The next lines for the API, numbered from `first` on.
struct LogBatch {
  std::int64_t first = 0;
  std::size_t lines = 0;
  std::string json;  // an array
};

struct LogFigures {
  std::uint64_t kept_lines = 0;  // by the API
  std::uint64_t kept_bytes = 0;
  std::uint64_t over_limit = 0;  // lines
  std::uint64_t not_taken = 0;   // lines the API did not take
};

class JobLog {
 public:
  // `limit`: bytes of JSON. 0: nothing is for the API, but there is a tail.
  explicit JobLog(std::size_t limit);

  // A line of the action; `level` (je_log_level) of the stream log only. Bytes that are no UTF-8
  // are replaced. False: beyond the limit, or not for the API.
  bool note(LogStream stream, std::string_view text, WallTime time, int level = 0);
  // What the engine did. What happens to every run is no news: it is sent with other lines only.
  void note_engine(std::string_view text, WallTime time, bool is_news);
  // Nothing more is noted.
  void finish(WallTime time);
  // Nothing more is for the API; what was not sent is forgotten.
  void give_up();

  bool has_news() const { return news_ && !unsent_.empty(); }
  // Nothing that is noted now is for the API.
  bool closed() const { return closed_; }
  // Bytes that wait.
  std::size_t held() const { return held_; }

  // At most so many bytes, but at least one line; of a log without unsent lines: none.
  LogBatch next_batch(std::size_t most_bytes) const;
  // The API has kept that batch, and its next number is `next`.
  void kept(const LogBatch& batch, std::int64_t next);
  // The API counts from here on: lines of an earlier run are there, or some are lost.
  void renumber(std::int64_t next) { first_ = next; }
  // The API will never take its first line.
  void drop_first();

  // The last lines the action printed or said, for the job's attribute `output`: UTF-8, at most
  // twenty lines and 4 KiB, without a newline at the end. Empty when there is nothing but blanks.
  std::string tail() const;
  const LogFigures& figures() const { return figures_; }

 private:
  struct Line {
    WallTime time;
    LogStream stream = LogStream::Stdout;
    int level = 0;
    std::string text;
  };
  void enqueue(LogStream stream, std::string_view text, WallTime time, int level);
  void keep_as_last(LogStream stream, std::string_view text, WallTime time, int level);
  std::string text_of_limit() const;

  std::size_t limit_;
  std::size_t head_limit_;
  std::size_t used_ = 0;  // of the head's limit
  bool full_ = false;     // what comes now goes to last_
  bool closed_ = false;
  bool news_ = false;

  std::deque<std::string> unsent_;  // JSON objects
  std::int64_t first_ = 0;          // number of unsent_.front()
  std::size_t held_ = 0;

  std::deque<Line> last_;
  std::size_t last_bytes_ = 0;
  std::uint64_t dropped_lines_ = 0;
  std::uint64_t dropped_bytes_ = 0;

  OutputTail tail_;
  LogFigures figures_;
};

}  // namespace jobengine::executor
