#include "api/logs/log_request.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "api/cimi/cimi_error.hpp"
#include "api/cimi/schema.hpp"

namespace jobengine::api::logs {
namespace {

using cimi::Need;
using cimi::SetBy;
using nlohmann::json;
namespace shape = cimi::shape;

bool is_short_enough(const std::string& text) {
  return text.size() <= longest_line;
}

cimi::Shape line_text() {
  auto text = shape::text();
  text.words = "a string of at most " + std::to_string(longest_line) + " bytes";
  text.accepts = is_short_enough;
  return text;
}

std::vector<std::string> stream_names() {
  return {store::log_stream_names.begin(), store::log_stream_names.end()};
}

cimi::Shape line() {
  auto one = shape::map({
      {"time", shape::time(), "When it was written.", SetBy::Client, Need::Sent},
      {"stream", shape::one_of(stream_names()), "Where it comes from.", SetBy::Client, Need::Sent},
      {"level", shape::one_of({"debug", "info", "warning", "error"}), "Of the stream log only."},
      {"text", line_text(), "The line, without its end.", SetBy::Client, Need::Sent},
  });
  one.open = false;
  return one;
}

const cimi::Schema& append_body() {
  static const cimi::Schema schema = {
      {"attempt", shape::integer(1, largest_number), "Which run of the job has written them.",
       SetBy::Client, Need::Sent},
      {"first", shape::integer(0, largest_number),
       "The number of the first line; the first of an attempt is 0.", SetBy::Client, Need::Sent},
      {"lines", shape::list_of(line(), "an array of lines"), "In order, numbered from `first` on.",
       SetBy::Client, Need::Sent},
  };
  return schema;
}

// What the schema cannot say.
std::string further_offence(const json& lines) {
  std::size_t bytes = 0;
  std::size_t place = 0;
  for (const auto& one : lines) {
    const bool log = one["stream"] == "log";
    if (one.contains("level") && !log) {
      return "lines[" + std::to_string(place) + "]/level: of the stream " +
             one["stream"].get<std::string>() + ", expected only of the stream log";
    }
    bytes += one["text"].get_ref<const std::string&>().size();
    ++place;
  }
  if (bytes <= most_bytes_at_once) return {};
  return "lines: texts of " + std::to_string(bytes) + " bytes, expected at most " +
         std::to_string(most_bytes_at_once) + " in one request";
}

std::optional<store::LogStream> stream_of(std::string_view name) {
  const auto& names = store::log_stream_names;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<store::LogStream>(found - names.begin());
}

std::string quoted(const std::string& text) {
  return json(text).dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

// The stream comes first: whoever looks for it need not read the rest.
std::string line_json(std::string_view stream, const std::string& level, const std::string& time,
                      const std::string& text) {
  std::string one = "{\"stream\":\"" + std::string(stream) + "\"";
  if (!level.empty()) one += ",\"level\":\"" + level + "\"";
  one += ",\"time\":" + quoted(time) + ",\"text\":" + quoted(text) + "}";
  return one;
}

store::LogLine line_of(const json& one) {
  const auto& name = one["stream"].get_ref<const std::string&>();
  store::LogLine line;
  line.stream = *stream_of(name);
  line.json =
      line_json(name, one.value("level", std::string()), one["time"].get_ref<const std::string&>(),
                one["text"].get_ref<const std::string&>());
  return line;
}

// For messages; whole characters only.
std::string excerpt(const std::string& text) {
  constexpr std::size_t longest = 80;
  if (text.size() <= longest) return text;
  auto end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

// The one value of a parameter; nothing when it was not given.
std::optional<std::string> parameter(const http::Parameters& parameters, const std::string& name) {
  const auto values = parameters.all(name);
  if (values.empty()) return std::nullopt;
  if (values.size() > 1) throw cimi::bad_request(name + ": given more than once, expected once");
  return values.front();
}

std::int64_t number_in(const std::string& name, const std::string& text, std::int64_t least,
                       std::int64_t most) {
  std::int64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && read == end && value >= least && value <= most) return value;
  throw cimi::bad_request(name + ": '" + excerpt(text) + "', expected an integer from " +
                          std::to_string(least) + " to " + std::to_string(most));
}

std::optional<std::int64_t> number(const http::Parameters& parameters, const std::string& name,
                                   std::int64_t least, std::int64_t most) {
  const auto text = parameter(parameters, name);
  if (!text) return std::nullopt;
  return number_in(name, *text, least, most);
}

}  // namespace

json append_schema() {
  auto body = shape::map(append_body());
  body.open = false;
  auto schema = cimi::json_schema(body);
  schema["properties"]["lines"]["maxItems"] = most_lines;
  return schema;
}

json page_schema() {
  auto line_schema = cimi::json_schema(line());
  line_schema["properties"]["attempt"] = {{"type", "integer"}};
  line_schema["properties"]["n"] = {{"type", "integer"},
                                    {"description", "The number of the line in its attempt."}};
  line_schema["required"] = json::array({"attempt", "n", "time", "stream", "text"});
  json schema = {{"type", "object"}, {"additionalProperties", false}};
  schema["properties"]["count"] = {{"type", "integer"}, {"description", "All that match."}};
  schema["properties"]["lines"] = {{"type", "array"}, {"items", line_schema}};
  schema["properties"]["next"] = {{"type", "integer"},
                                  {"description", "Where to read on: the next `from`."}};
  schema["required"] = json::array({"count", "lines", "next"});
  return schema;
}

store::LogAppend read_append(const json& body, const std::string& job) {
  if (!body.is_object()) {
    throw cimi::bad_request(
        "the body must be a JSON object: {\"attempt\": …, \"first\": …, \"lines\": […]}", job);
  }
  const auto lines = body.find("lines");
  if (lines != body.end() && lines->is_array() && lines->size() > most_lines) {
    throw cimi::bad_request("lines: " + std::to_string(lines->size()) + " of them, expected at " +
                                "most " + std::to_string(most_lines) + " in one request",
                            job);
  }
  auto errors = cimi::schema_errors(append_body(), body);
  if (errors.empty()) errors = further_offence(*lines);
  if (!errors.empty()) throw cimi::bad_request("the lines are not accepted:\n" + errors, job);
  store::LogAppend append;
  append.job = job;
  append.attempt = body["attempt"].get<std::int64_t>();
  append.first = body["first"].get<std::int64_t>();
  append.lines.reserve(lines->size());
  for (const auto& one : *lines) append.lines.push_back(line_of(one));
  return append;
}

store::LogQuery read_query(const http::Parameters& parameters, const std::string& job) {
  store::LogQuery query;
  query.job = job;
  query.attempt = number(parameters, "attempt", 1, largest_number);
  query.from = number(parameters, "from", 0, largest_number);
  query.most_lines = number(parameters, "last", 0, std::int64_t{most_lines}).value_or(usual_lines);
  const auto stream = parameter(parameters, "stream");
  if (stream) query.stream = stream_of(*stream);
  if (stream && !query.stream) {
    throw cimi::bad_request("stream: '" + excerpt(*stream) +
                            "', expected one of stdout, stderr, log, engine");
  }
  return query;
}

std::int64_t position_of(const std::string& last_event_id) {
  return number_in("Last-Event-ID", last_event_id, 0, largest_number);
}

store::LogLine limit_notice(std::int64_t limit, cimi::WallTime now) {
  const std::string text = "capped: of a job's log " + std::to_string(limit) +
                           " bytes are kept (--job-log-limit); what follows is dropped";
  const auto stream = store::LogStream::Engine;
  const auto name = store::log_stream_names.at(static_cast<std::size_t>(stream));
  return {stream, line_json(name, {}, cimi::timestamp(now), text)};
}

std::string lines_text(const store::LogPage& page) {
  std::string text = "[";
  for (const auto& line : page.lines) {
    if (text.size() > 1) text += ',';
    text += "{\"attempt\":" + std::to_string(line.attempt) +
            ",\"n\":" + std::to_string(line.number) + ",";
    text.append(line.json, 1);
  }
  text += ']';
  return text;
}

}  // namespace jobengine::api::logs
