// From the bytes of a body to lines of a log: what is accepted comes back as it was sent, a line of
// JSON each, and what is refused is refused in words. The same for the query.
#include "api/cimi/cimi_error.hpp"
#include "api/http/form.hpp"
#include "api/http/request_body.hpp"
#include "api/logs/log_request.hpp"
#include "tests/fuzz/promise.hpp"

using namespace jobengine;
using namespace jobengine::api;
using nlohmann::json;

namespace {

void check_refusal(const cimi::CimiError& error) {
  const std::string_view text(error.what());
  fuzz::must_hold(error.status == 400, "a refusal has its status", text);
  fuzz::must_hold(!text.empty() && text.size() < 20'000, "a refusal says something, in short",
                  text);
  fuzz::must_hold(http::is_utf8(text), "a refusal is UTF-8", text);
}

void check_accepted(const json& body, const store::LogAppend& append) {
  const auto& lines = body["lines"];
  fuzz::must_hold(append.lines.size() == lines.size(), "every line is taken");
  store::LogPage page;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& line = append.lines[i];
    fuzz::must_hold(line.json.find('\n') == std::string::npos, "a line stays a line", line.json);
    const auto name = store::log_stream_names.at(static_cast<std::size_t>(line.stream));
    fuzz::must_hold(line.json.starts_with("{\"stream\":\"" + std::string(name) + "\""),
                    "the stream comes first", line.json);
    const auto number = append.first + static_cast<std::int64_t>(i);
    page.lines.push_back({number, append.attempt, number, line.json});
  }
  const auto text = logs::lines_text(page);
  auto again = json::parse(text, nullptr, /*allow_exceptions=*/false);
  fuzz::must_hold(again.is_array() && again.size() == lines.size(), "lines can be read", text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    again[i].erase("attempt");
    again[i].erase("n");
    fuzz::must_hold(again[i] == lines[i], "a line comes back as it was", text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto body = http::parse_json(text)) {
    try {
      check_accepted(*body, logs::read_append(*body, "job/1"));
    } catch (const cimi::CimiError& error) {
      check_refusal(error);
    }
  }
  http::Parameters parameters;
  if (!parameters.append(text)) return 0;
  try {
    const auto query = logs::read_query(parameters, "job/1");
    fuzz::must_hold(query.most_lines >= 0 && query.most_lines <= 10'000, "an answer is bounded");
    fuzz::must_hold(query.from.value_or(0) >= 0 && query.attempt.value_or(1) > 0,
                    "numbers are in their bounds");
  } catch (const cimi::CimiError& error) {
    check_refusal(error);
  }
  return 0;
}
