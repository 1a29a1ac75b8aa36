// What an executable action's program and the engine say to each other: JSON objects, one a line.
// Pure. The protocol: docs/protocols/executable_actions.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>

namespace jobengine::executor {

inline constexpr int program_protocol = 1;  // the member "protocol" of the first line

// Longer texts of people's kind (status, log, message) are cut here, with a mark.
inline constexpr std::size_t longest_program_text = 1024UL * 1024;
// Of a request; doubled quotes and all it has to pass the conversation with the executor.
inline constexpr std::size_t longest_call_body = 4UL * 1024 * 1024;

// ---- program to engine

struct ProgramProgress {
  std::int32_t percent = 0;
};
struct ProgramStatus {
  std::string text;
};
struct ProgramResource {
  std::string href;
};
struct ProgramLog {
  std::int32_t level = 1;  // je_log_level
  std::string text;
};
struct ProgramCheckpoint {
  nlohmann::json id;  // a text, a number or null: given back with the answer
  std::string value;  // JSON text
};
struct ProgramApiCall {
  nlohmann::json id;
  std::string method;
  std::string path;
  std::string content_type;
  std::string body;
  std::string headers;  // "Name: value" lines
  std::string as_identity;
};
struct ProgramResult {
  std::int32_t outcome = 0;  // je_outcome
  std::int32_t return_code = 0;
  std::string message;
  std::int64_t retry_delay_ms = 0;
};
using ProgramLine = std::variant<ProgramProgress, ProgramStatus, ProgramResource, ProgramLog,
                                 ProgramCheckpoint, ProgramApiCall, ProgramResult>;

// `line` without its newline. Throws runtime::Failure that shows the line, shortened, and says what
// was expected.
ProgramLine decode_program_line(std::string_view line);

// ---- engine to program: whole lines, newline included

struct ProgramJob {
  std::string id;
  std::string action;
  std::string target;
  std::string payload;   // JSON text; empty: none
  std::string document;  // JSON text of an object
  std::int32_t attempt = 1;
  bool resumed = false;
  std::string checkpoint;  // JSON text; empty: none
};

std::string job_line(const ProgramJob& job);
std::string stop_line();
// `body`: what the API answered; with status 0 a message saying why it did not.
std::string api_answer_line(const nlohmann::json& id, std::int32_t status, std::string_view body);
// `complaint`: why it is not kept; empty: it is.
std::string checkpoint_kept_line(const nlohmann::json& id, std::string_view complaint);

}  // namespace jobengine::executor
