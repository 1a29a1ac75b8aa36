#include "executor/action_host/program_protocol.hpp"

#include <jobengine/plugin_abi.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

using nlohmann::json;
using runtime::Failure;

constexpr std::size_t most_shown = 160;
constexpr int deepest_nesting = 500;  // what writes it again is recursive

constexpr const char* known_types =
    "progress, status, affected-resource, log, checkpoint, api-call, result";

std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string line_of(const json& message) {
  return dumped(message) + "\n";
}

// Not in the middle of a character.
std::string cut(std::string text, std::size_t longest, const char* mark) {
  if (text.size() <= longest) return text;
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text + mark;
}

// As a JSON text, so that what cannot be printed can be seen.
std::string shown(std::string_view line) {
  const bool whole = line.size() <= most_shown;
  std::string text = dumped(json(std::string(line.substr(0, most_shown))));
  if (!whole) text += "… (" + std::to_string(line.size()) + " bytes)";
  return text;
}

[[noreturn]] void refuse_line(std::string_view line, const std::string& why) {
  throw Failure("it wrote a line that is not of the protocol, " + why + ": " + shown(line));
}

json parse(std::string_view line) {
  const auto not_too_deep = [line](int depth, json::parse_event_t, json&) {
    if (depth > deepest_nesting) {
      refuse_line(line, "values nested deeper than " + std::to_string(deepest_nesting));
    }
    return true;
  };
  return json::parse(line, not_too_deep, false);
}

// Reads the members of one line and names the one that is wrong.
class Reader {
 public:
  explicit Reader(std::string_view line) : line_(line), message_(parse(line)) {
    if (!message_.is_object()) {
      refuse_line(line,
                  "where a JSON object was expected (text for people goes to stderr; \"protocol: "
                  "none\" in the manifest makes stdout text too)");
    }
    const json* type = find("type");
    if (type == nullptr || !type->is_string()) {
      refuse_line(line, std::string("without a textual \"type\", one of ") + known_types);
    }
    type_ = type->get<std::string>();
  }

  const std::string& type() const { return type_; }

  const json* find(const char* name) const {
    const auto found = message_.find(name);
    return found == message_.end() ? nullptr : &*found;
  }
  std::string text(const char* name) const {
    const json* value = find(name);
    if (value == nullptr || !value->is_string()) refuse(name, "must be a text");
    return value->get<std::string>();
  }
  std::string text_or(const char* name, const char* otherwise) const {
    return absent(name) ? otherwise : text(name);
  }
  // For people: cut when it is too long.
  std::string words(const char* name) const {
    return cut(text(name), longest_program_text, "… (cut)");
  }
  double number(const char* name) const {
    const json* value = find(name);
    if (value == nullptr || !value->is_number()) refuse(name, "must be a number");
    return value->get<double>();
  }
  json id() const {
    const json* value = find("id");
    if (value == nullptr || value->is_null()) return nullptr;
    if (!value->is_string() && !value->is_number_integer()) {
      refuse("id", "must be a text or a whole number");
    }
    return *value;
  }
  bool absent(const char* name) const {
    const json* value = find(name);
    return value == nullptr || value->is_null();
  }
  [[noreturn]] void refuse(const std::string& name, const std::string& complaint) const {
    refuse_line(line_, "a " + type_ + " whose \"" + name + "\" " + complaint);
  }

 private:
  std::string_view line_;
  json message_;
  std::string type_;
};

ProgramProgress progress_from(const Reader& reader) {
  const double percent = std::clamp(reader.number("percent"), 0.0, 100.0);
  return ProgramProgress{static_cast<std::int32_t>(percent)};
}

ProgramLog log_from(const Reader& reader) {
  constexpr std::array levels = {"debug", "info", "warning", "error"};
  const std::string level = reader.text_or("level", "info");
  const auto* const found = std::find(levels.begin(), levels.end(), level);
  if (found == levels.end()) reader.refuse("level", "must be debug, info, warning or error");
  ProgramLog log;
  log.level = static_cast<std::int32_t>(found - levels.begin());
  log.text = reader.words("text");
  return log;
}

ProgramCheckpoint checkpoint_from(const Reader& reader) {
  const json* value = reader.find("value");
  if (value == nullptr) reader.refuse("value", "is missing");
  return ProgramCheckpoint{reader.id(), dumped(*value)};
}

std::string headers_from(const Reader& reader) {
  if (reader.absent("headers")) return {};
  const json& headers = *reader.find("headers");
  if (!headers.is_object()) reader.refuse("headers", "must be an object of texts");
  std::string lines;
  for (const auto& [name, value] : headers.items()) {
    if (!value.is_string()) reader.refuse("headers", "must be an object of texts");
    const std::string text = value.get<std::string>();
    const bool one_line = (name + text).find_first_of("\r\n") == std::string::npos;
    if (!one_line || name.empty() || name.find(':') != std::string::npos) {
      reader.refuse("headers", "has a name or value no header can have");
    }
    lines += name;
    lines += ": ";
    lines += text;
    lines += "\n";
  }
  return lines;
}

ProgramApiCall call_from(const Reader& reader) {
  ProgramApiCall call;
  call.id = reader.id();
  call.method = reader.text("method");
  call.path = reader.text("path");
  call.content_type = reader.text_or("content-type", "");
  call.headers = headers_from(reader);
  call.as_identity = reader.text_or("as", "");
  if (!reader.absent("body")) {
    const json& body = *reader.find("body");
    call.body = body.is_string() ? body.get<std::string>() : dumped(body);
  }
  return call;
}

std::int32_t return_code_from(const Reader& reader) {
  const json* value = reader.find("return-code");
  const bool fits = value->is_number_integer() && *value >= 0 &&
                    *value <= std::numeric_limits<std::int32_t>::max();
  if (!fits) reader.refuse("return-code", "must be a whole number from 0 to 2147483647");
  return value->get<std::int32_t>();
}

std::int64_t retry_delay_from(const Reader& reader) {
  constexpr double longest = 366.0 * 24 * 3600;
  const double seconds = reader.number("retry-delay");
  if (!(seconds >= 0 && seconds <= longest)) {
    reader.refuse("retry-delay", "must be seconds from 0 to 31622400");
  }
  return std::llround(seconds * 1000);
}

ProgramResult result_from(const Reader& reader) {
  ProgramResult result;
  const bool coded = !reader.absent("return-code");
  if (coded) result.return_code = return_code_from(reader);
  if (!reader.absent("message")) result.message = reader.words("message");
  if (!reader.absent("retry-delay")) result.retry_delay_ms = retry_delay_from(reader);
  const bool zero = result.return_code == 0;
  const std::string outcome = reader.text_or("outcome", zero ? "success" : "failed");
  if (outcome != "failed" && !zero) {
    reader.refuse("return-code", "must be 0 or absent unless the outcome is failed");
  }
  if (outcome == "success") {
    result.outcome = JE_OUTCOME_RETURN_CODE;
  } else if (outcome == "failed") {
    if (coded && zero) reader.refuse("return-code", "must not be 0 when the outcome is failed");
    result.outcome = coded ? JE_OUTCOME_RETURN_CODE : JE_OUTCOME_FAILED;
  } else if (outcome == "retry-later") {
    result.outcome = JE_OUTCOME_RETRY_LATER;
  } else if (outcome == "skipped") {
    result.outcome = JE_OUTCOME_SKIPPED;
  } else if (outcome == "left-running") {
    result.outcome = JE_OUTCOME_LEFT_RUNNING;
  } else {
    reader.refuse("outcome", "must be success, failed, retry-later, skipped or left-running");
  }
  return result;
}

// What is nested too deep goes as a text, too: writing it again is recursive.
json parsed_or_text(std::string_view text) {
  bool too_deep = false;
  const auto watch_depth = [&too_deep](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > deepest_nesting;
    return !too_deep;
  };
  json value = json::parse(text, watch_depth, false);
  return too_deep || value.is_discarded() ? json(std::string(text)) : value;
}

}  // namespace

ProgramLine decode_program_line(std::string_view line) {
  const Reader reader(line);
  const std::string& type = reader.type();
  if (type == "progress") return progress_from(reader);
  if (type == "status") return ProgramStatus{reader.words("text")};
  if (type == "affected-resource") return ProgramResource{reader.words("href")};
  if (type == "log") return log_from(reader);
  if (type == "checkpoint") return checkpoint_from(reader);
  if (type == "api-call") return call_from(reader);
  if (type == "result") return result_from(reader);
  refuse_line(line, "of the unknown type " + shown(type) + "; known are " + known_types);
}

std::string job_line(const ProgramJob& job) {
  json message;
  message["type"] = "job";
  message["protocol"] = program_protocol;
  message["id"] = job.id;
  message["action"] = job.action;
  message["target"] = job.target.empty() ? json() : json(job.target);
  message["payload"] = job.payload.empty() ? json() : parsed_or_text(job.payload);
  message["attempt"] = job.attempt;
  message["resumed"] = job.resumed;
  message["checkpoint"] = job.checkpoint.empty() ? json() : parsed_or_text(job.checkpoint);
  message["job"] = parsed_or_text(job.document);
  return line_of(message);
}

std::string stop_line() {
  json message;
  message["type"] = "stop";
  return line_of(message);
}

std::string api_answer_line(const json& id, std::int32_t status, std::string_view body) {
  json message;
  message["type"] = "api-answer";
  message["id"] = id;
  message["status"] = status;
  message["body"] = status == 0 ? json(std::string(body)) : parsed_or_text(body);
  return line_of(message);
}

std::string checkpoint_kept_line(const json& id, std::string_view complaint) {
  json message;
  message["type"] = "checkpoint-kept";
  message["id"] = id;
  message["kept"] = complaint.empty();
  if (!complaint.empty()) message["reason"] = std::string(complaint);
  return line_of(message);
}

}  // namespace jobengine::executor
