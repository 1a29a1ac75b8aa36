// What clients may ask of the log of a job, read strictly: POST and GET /api/job/<uuid>/logs. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "api/cimi/timestamp.hpp"
#include "api/http/form.hpp"
#include "api/store/job_log.hpp"

namespace jobengine::api::logs {

inline constexpr std::size_t most_lines = 10'000;         // of one request, and of one answer
inline constexpr std::int64_t usual_lines = 1000;         // of an answer
inline constexpr std::size_t longest_line = 64UL * 1024;  // bytes of its text
inline constexpr std::size_t most_bytes_at_once = 4UL * 1024 * 1024;  // of all texts of a request
inline constexpr std::int64_t largest_number = 1'000'000'000'000;     // of a line, of an attempt

// The body of an append as JSON Schema, and the lines of an answer.
nlohmann::json append_schema();
nlohmann::json page_schema();

// The body of an append. Throws CimiError 400 that names each offence: where, what, what was
// expected. Limit and notice are left to the caller.
store::LogAppend read_append(const nlohmann::json& body, const std::string& job);

// attempt, stream, from, last. Throws CimiError 400.
store::LogQuery read_query(const http::Parameters& parameters, const std::string& job);

// The position a Last-Event-ID names. Throws CimiError 400.
std::int64_t position_of(const std::string& last_event_id);

// The line that stands in place of all that the limit of bytes keeps out.
store::LogLine limit_notice(std::int64_t limit, cimi::WallTime now);

// [{"attempt":1,"n":0,"stream":…},…] as text.
std::string lines_text(const store::LogPage& page);

}  // namespace jobengine::api::logs
