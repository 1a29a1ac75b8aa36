// What executor and action host say to each other: one JSON object a line over a socket pair.
// Pure. The conversation and its rules: executor/README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "executor/plugins/manifest.hpp"

namespace jobengine::executor {

// A longer line is a broken peer; an API answer that would be longer is answered as a failure.
inline constexpr std::size_t longest_line = 32UL * 1024 * 1024;

// Of the JSON text; it has to fit into a znode with room to spare.
inline constexpr std::size_t longest_checkpoint = 256UL * 1024;

// Nanoseconds of CLOCK_BOOTTIME: the same clock in both processes. 0: without end.
using LeaseStamp = std::int64_t;

// Beside je_outcome, of executable actions only: the program was killed, or broke its protocol.
// Judged as the crash of a plugin is.
inline constexpr std::int32_t outcome_broken = -1;

// ---- executor to host

struct RunMessage {
  // What is read of the document.
  struct Facts {
    std::string id;
    std::string payload;
    std::string target;
  };
  std::string action;
  std::string document;  // the job, JSON text of an object
  // Of a sender that has read it already; stays in its process.
  std::optional<Facts> facts;
  std::int32_t attempt = 1;
  bool resumed = false;
  LeaseStamp lease = 0;
  std::string checkpoint;  // JSON text an earlier attempt saved; empty: none
};
struct StopMessage {};
struct LeaseMessage {
  LeaseStamp lease = 0;
};
struct ApiAnswerMessage {
  std::uint64_t request = 0;  // of the ApiRequestMessage or CheckpointMessage
  std::int32_t status = 0;
  std::string body;
};
using ToHost = std::variant<RunMessage, StopMessage, LeaseMessage, ApiAnswerMessage>;

// ---- host to executor

struct ReadyMessage {
  std::vector<Manifest> actions;
};
// Instead of Ready, and the last message.
struct RefusedMessage {
  std::string reason;
};
struct ProgressMessage {
  std::int32_t percent = 0;
};
struct StatusMessage {
  std::string text;
};
struct AffectedResourceMessage {
  std::string href;
};
struct LogMessage {
  std::int32_t level = 0;  // je_log_level
  std::string line;
};
struct ApiRequestMessage {
  std::uint64_t request = 0;  // unique in the life of the host, checkpoints included
  std::string method;
  std::string path;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string as_identity;
};
// Answered with an ApiAnswerMessage: status 200 once it is kept; 0, and why not, otherwise.
struct CheckpointMessage {
  std::uint64_t request = 0;
  std::string text;  // JSON
};
struct ResultMessage {
  std::int64_t return_code = 0;
  std::int32_t outcome = 0;  // je_outcome
  std::string message;
  std::int64_t retry_delay_ms = 0;  // with JE_OUTCOME_RETRY_LATER: not before so long
  std::string worn;                 // why this host must not be used again; empty: it may
};
using FromHost = std::variant<ReadyMessage, RefusedMessage, ProgressMessage, StatusMessage,
                              AffectedResourceMessage, LogMessage, ApiRequestMessage,
                              CheckpointMessage, ResultMessage>;

// A whole line, newline included. Bytes that are no UTF-8 are replaced.
std::string encode(const ToHost& message);
std::string encode(const FromHost& message);

// `line` without its newline. Throws runtime::Failure saying what is wrong with the line.
ToHost decode_to_host(std::string_view line);
FromHost decode_from_host(std::string_view line);

// Cuts a stream of bytes into lines.
class LineBuffer {
 public:
  explicit LineBuffer(std::size_t longest = longest_line) : longest_(longest) {}
  // Throws runtime::Failure when a line grows beyond the limit.
  void append(std::string_view bytes);
  // The next whole line, without its newline.
  std::optional<std::string> next();

 private:
  std::size_t longest_;
  std::string bytes_;
  std::size_t start_ = 0;    // of the first line not handed out
  std::size_t scanned_ = 0;  // no newline between start_ and here
};

}  // namespace jobengine::executor
