// Lines of a job's log as people read them. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace jobengine::ctl {

// "text\n"; with timestamps "2026-01-31T12:00:00.000Z log/info    text\n". `line` as the API tells
// it.
std::string log_line_text(const nlohmann::json& line, bool timestamps);

// Says when the lines of another attempt begin.
class AttemptMarks {
 public:
  // "-- attempt 2 --\n" before its first line, "" before all others and for attempt 1 at the
  // beginning.
  std::string before(const nlohmann::json& line);

 private:
  std::int64_t last_ = 1;
};

// The query of a request for a log; "" when nothing is asked for.
struct LogSelection {
  std::int64_t attempt = 0;  // 0: any
  std::string stream;        // "": any
};
// "job/1/logs?from=7&last=1000&stream=stderr"; negative numbers are left out.
std::string log_path(const std::string& job, const LogSelection& selection, std::int64_t from,
                     std::int64_t last);

}  // namespace jobengine::ctl
