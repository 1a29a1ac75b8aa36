#include "executor/hosts/host_message.hpp"

#include <limits>
#include <nlohmann/json.hpp>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

using nlohmann::json;

std::string line_of(const json& message) {
  return message.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

json message_of(std::string_view type) {
  json message;
  message["type"] = std::string(type);
  return message;
}

// Reads the members of one message and names the member that is wrong.
class Reader {
 public:
  explicit Reader(std::string_view line) : message_(json::parse(line, nullptr, false)) {
    if (!message_.is_object()) throw runtime::Failure("a message that is no JSON object");
    type_ = "without a type";
    type_ = text("type");
  }

  const std::string& type() const { return type_; }

  bool has(const char* name) const { return message_.contains(name); }
  const json& member(const char* name) const {
    const auto found = message_.find(name);
    if (found == message_.end()) refuse(name, "is missing");
    return *found;
  }
  std::string text(const char* name) const {
    const json& value = member(name);
    if (!value.is_string()) refuse(name, "must be a text");
    return value.get<std::string>();
  }
  bool boolean(const char* name) const {
    const json& value = member(name);
    if (!value.is_boolean()) refuse(name, "must be true or false");
    return value.get<bool>();
  }
  template <class Number>
  Number number(const char* name) const {
    const json& value = member(name);
    if (!value.is_number_integer()) refuse(name, "must be an integer");
    const bool huge = value.is_number_unsigned() &&
                      value.get<std::uint64_t>() >
                          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    const auto wide = huge ? std::numeric_limits<std::int64_t>::max() : value.get<std::int64_t>();
    if (huge || !std::in_range<Number>(wide)) refuse(name, "is out of range");
    return static_cast<Number>(wide);
  }
  const json& list(const char* name) const {
    const json& value = member(name);
    if (!value.is_array()) refuse(name, "must be a list");
    return value;
  }
  [[noreturn]] void refuse(const char* name, const char* complaint) const {
    throw runtime::Failure("a message " + type_ + " whose \"" + name + "\" " + complaint);
  }

 private:
  json message_;
  std::string type_;
};

struct Encoder {
  json operator()(const RunMessage& run) const {
    json message = message_of("run");
    message["action"] = run.action;
    message["job"] = json::parse(run.document);
    message["attempt"] = run.attempt;
    message["resumed"] = run.resumed;
    message["lease"] = run.lease;
    if (!run.checkpoint.empty()) message["checkpoint"] = run.checkpoint;
    return message;
  }
  json operator()(const StopMessage&) const { return message_of("stop"); }
  json operator()(const LeaseMessage& lease) const {
    json message = message_of("lease");
    message["lease"] = lease.lease;
    return message;
  }
  json operator()(const ApiAnswerMessage& answer) const {
    json message = message_of("api-answer");
    message["request"] = answer.request;
    message["status"] = answer.status;
    message["body"] = answer.body;
    return message;
  }
  json operator()(const ReadyMessage& ready) const {
    json message = message_of("ready");
    message["actions"] = json::array();
    for (const Manifest& manifest : ready.actions) {
      message["actions"].push_back(to_json(manifest));
    }
    return message;
  }
  json operator()(const RefusedMessage& refused) const {
    json message = message_of("refused");
    message["reason"] = refused.reason;
    return message;
  }
  json operator()(const ProgressMessage& progress) const {
    json message = message_of("progress");
    message["percent"] = progress.percent;
    return message;
  }
  json operator()(const StatusMessage& status) const {
    json message = message_of("status");
    message["text"] = status.text;
    return message;
  }
  json operator()(const AffectedResourceMessage& resource) const {
    json message = message_of("affected-resource");
    message["href"] = resource.href;
    return message;
  }
  json operator()(const LogMessage& log) const {
    json message = message_of("log");
    message["level"] = log.level;
    message["line"] = log.line;
    return message;
  }
  json operator()(const ApiRequestMessage& request) const {
    json message = message_of("api-request");
    message["request"] = request.request;
    message["method"] = request.method;
    message["path"] = request.path;
    message["content-type"] = request.content_type;
    message["body"] = request.body;
    message["headers"] = json::array();
    for (const auto& [name, value] : request.headers) {
      message["headers"].push_back(json::array({name, value}));
    }
    message["as"] = request.as_identity;
    return message;
  }
  json operator()(const CheckpointMessage& checkpoint) const {
    json message = message_of("checkpoint");
    message["request"] = checkpoint.request;
    message["text"] = checkpoint.text;
    return message;
  }
  json operator()(const ResultMessage& result) const {
    json message = message_of("result");
    message["return-code"] = result.return_code;
    message["outcome"] = result.outcome;
    message["message"] = result.message;
    if (result.retry_delay_ms != 0) message["retry-delay"] = result.retry_delay_ms;
    if (!result.worn.empty()) message["worn"] = result.worn;
    return message;
  }
};

ReadyMessage ready_from(const Reader& reader) {
  ReadyMessage ready;
  for (const json& manifest : reader.list("actions")) {
    ready.actions.push_back(manifest_of(manifest));
  }
  return ready;
}

ApiRequestMessage request_from(const Reader& reader) {
  ApiRequestMessage request;
  request.request = reader.number<std::uint64_t>("request");
  request.method = reader.text("method");
  request.path = reader.text("path");
  request.content_type = reader.text("content-type");
  request.body = reader.text("body");
  for (const json& header : reader.list("headers")) {
    const bool pair = header.is_array() && header.size() == 2;
    if (!pair || !header[0].is_string() || !header[1].is_string()) {
      reader.refuse("headers", "must be a list of pairs of texts");
    }
    request.headers.emplace_back(header[0].get<std::string>(), header[1].get<std::string>());
  }
  request.as_identity = reader.text("as");
  return request;
}

}  // namespace

std::string encode(const ToHost& message) {
  return line_of(std::visit(Encoder(), message));
}

std::string encode(const FromHost& message) {
  return line_of(std::visit(Encoder(), message));
}

ToHost decode_to_host(std::string_view line) {
  const Reader reader(line);
  const std::string& type = reader.type();
  if (type == "run") {
    RunMessage run;
    run.action = reader.text("action");
    if (!reader.member("job").is_object()) reader.refuse("job", "must be an object");
    run.document = reader.member("job").dump();
    run.attempt = reader.number<std::int32_t>("attempt");
    run.resumed = reader.boolean("resumed");
    run.lease = reader.number<LeaseStamp>("lease");
    if (reader.has("checkpoint")) run.checkpoint = reader.text("checkpoint");
    return run;
  }
  if (type == "stop") return StopMessage{};
  if (type == "lease") return LeaseMessage{reader.number<LeaseStamp>("lease")};
  if (type == "api-answer") {
    return ApiAnswerMessage{reader.number<std::uint64_t>("request"),
                            reader.number<std::int32_t>("status"), reader.text("body")};
  }
  throw runtime::Failure("a message of the unknown type \"" + type + "\"");
}

FromHost decode_from_host(std::string_view line) {
  const Reader reader(line);
  const std::string& type = reader.type();
  if (type == "ready") return ready_from(reader);
  if (type == "refused") return RefusedMessage{reader.text("reason")};
  if (type == "progress") return ProgressMessage{reader.number<std::int32_t>("percent")};
  if (type == "status") return StatusMessage{reader.text("text")};
  if (type == "affected-resource") return AffectedResourceMessage{reader.text("href")};
  if (type == "log") return LogMessage{reader.number<std::int32_t>("level"), reader.text("line")};
  if (type == "api-request") return request_from(reader);
  if (type == "result") {
    ResultMessage result;
    result.return_code = reader.number<std::int64_t>("return-code");
    result.outcome = reader.number<std::int32_t>("outcome");
    result.message = reader.text("message");
    if (reader.has("retry-delay")) {
      result.retry_delay_ms = reader.number<std::int64_t>("retry-delay");
    }
    if (reader.has("worn")) result.worn = reader.text("worn");
    return result;
  }
  if (type == "checkpoint") {
    return CheckpointMessage{reader.number<std::uint64_t>("request"), reader.text("text")};
  }
  throw runtime::Failure("a message of the unknown type \"" + type + "\"");
}

void LineBuffer::append(std::string_view bytes) {
  if (start_ > 0 && start_ == bytes_.size()) {
    bytes_.clear();
    start_ = scanned_ = 0;
  }
  bytes_.append(bytes);
  if (bytes_.size() - start_ > longest_ && bytes_.find('\n', start_) - start_ > longest_) {
    throw runtime::Failure("a line of more than " + std::to_string(longest_) + " bytes");
  }
}

std::optional<std::string> LineBuffer::next() {
  const std::size_t end = bytes_.find('\n', scanned_);
  if (end == std::string::npos) {
    bytes_.erase(0, start_);
    start_ = 0;
    scanned_ = bytes_.size();
    return std::nullopt;
  }
  std::string line = bytes_.substr(start_, end - start_);
  start_ = scanned_ = end + 1;
  return line;
}

}  // namespace jobengine::executor
