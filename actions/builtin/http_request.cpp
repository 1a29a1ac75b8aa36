// http_request: makes one HTTP request.
// Payload: "url" (http or https), and optionally "method" (GET), "headers" (object of strings),
// "body" (a string, or any other JSON, which is sent as application/json), "expected-status" (an
// integer or a list of them; default: every 2xx), "timeout" in seconds (60), "follow-redirects"
// (true), "max-response-size" in bytes (1 MiB). The answer's status and the beginning of its body
// become the status message; the job fails when the status is not an expected one.
#include <algorithm>
#include <cctype>
#include <jobengine/action.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "actions/builtin/http_exchange.hpp"
#include "actions/builtin/text.hpp"

namespace {

namespace actions = jobengine::actions;
using jobengine::Payload;
using nlohmann::json;

constexpr std::size_t shown_bytes = 4096;
constexpr double default_timeout = 60;
constexpr double shortest_timeout = 0.001;
constexpr double longest_timeout = 86400;
constexpr int64_t default_size = 1 << 20;
constexpr int64_t largest_size = 64 << 20;
constexpr int64_t lowest_status = 100;
constexpr int64_t highest_status = 599;

// RFC 9110's token, of which methods and header names are made.
bool is_token(const std::string& text) {
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), allowed);
}

bool starts_with_scheme(const std::string& url, const std::string& scheme) {
  return url.size() > scheme.size() &&
         std::equal(scheme.begin(), scheme.end(), url.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

std::string url_of(Payload& payload) {
  auto url = payload.text("url");
  const bool control = std::any_of(url.begin(), url.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7F;
  });
  if (control || (!starts_with_scheme(url, "http://") && !starts_with_scheme(url, "https://"))) {
    Payload::fail("url", "an http:// or https:// URL", url);
  }
  return url;
}

std::string method_of(Payload& payload) {
  auto method = payload.text_or("method", "GET");
  if (!is_token(method)) Payload::fail("method", "an HTTP method (\"GET\")", method);
  std::transform(method.begin(), method.end(), method.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (method == "CONNECT") Payload::fail("method", "another method than this", method);
  return method;
}

std::vector<std::pair<std::string, std::string>> headers_of(Payload& payload) {
  auto headers = payload.text_map("headers");
  for (const auto& [name, value] : headers) {
    if (!is_token(name)) Payload::fail("headers", "an object whose keys are header names", name);
    const bool control = std::any_of(value.begin(), value.end(), [](char c) {
      return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7F;
    });
    if (control) Payload::fail("headers\".\"" + name, "text on one line", value);
  }
  return headers;
}

void read_body(Payload& payload, actions::HttpRequest& request) {
  const auto* body = payload.find("body");
  if (body == nullptr) return;
  request.has_body = true;
  if (body->is_string()) {
    request.body = body->get<std::string>();
    return;
  }
  request.body = body->dump();
  const bool typed = std::any_of(
      request.headers.begin(), request.headers.end(),
      [](const auto& header) { return starts_with_scheme(header.first + " ", "content-type"); });
  if (!typed) request.headers.emplace_back("Content-Type", "application/json");
}

// Empty: every 2xx.
std::vector<int64_t> expected_of(Payload& payload) {
  const std::string key = "expected-status";
  const auto* value = payload.find(key);
  std::vector<int64_t> expected;
  if (value == nullptr) return expected;
  const json list = value->is_array() ? *value : json::array({*value});
  if (list.empty()) Payload::fail(key, "a status or a list of them", *value);
  for (const auto& status : list) {
    expected.push_back(Payload::integer_of(key, status, lowest_status, highest_status));
  }
  return expected;
}

// Without "user:password@".
std::string shown(std::string url) {
  const auto begin = url.find("//") + 2;
  const auto end = std::min(url.find_first_of("/?#", begin), url.size());
  const auto at = url.rfind('@', end - 1);
  if (at != std::string::npos && at >= begin) url.erase(begin, at + 1 - begin);
  return url;
}

bool is_expected(int status, const std::vector<int64_t>& expected) {
  if (expected.empty()) return status >= 200 && status <= 299;
  return std::find(expected.begin(), expected.end(), status) != expected.end();
}

std::string expected_text(const std::vector<int64_t>& expected) {
  if (expected.empty()) return "2xx";
  std::string text;
  for (const auto status : expected) text += (text.empty() ? "" : " or ") + std::to_string(status);
  return text;
}

std::string report(const actions::HttpRequest& request, const actions::HttpAnswer& answer,
                   const std::vector<int64_t>& expected) {
  std::string text = "HTTP " + std::to_string(answer.status);
  if (!is_expected(answer.status, expected)) text += ", expected was " + expected_text(expected);
  text += " (" + actions::bytes_text(answer.body.size()) + ", " +
          std::to_string(answer.duration.count()) + " ms)";
  if (answer.url != request.url) text += " from " + shown(answer.url);
  if (answer.body.empty()) return text;
  text += "\n" + actions::as_utf8(std::string_view(answer.body).substr(0, shown_bytes));
  if (answer.body.size() > shown_bytes) {
    text += "\n[" + actions::bytes_text(answer.body.size() - shown_bytes) + " more]";
  }
  return text;
}

class HttpRequestAction : public jobengine::Action {
 public:
  std::string name() const override { return "http_request"; }
  std::string description() const override {
    return "Makes an HTTP request; payload: url, method, headers, body, expected-status, timeout, "
           "follow-redirects, max-response-size";
  }
  bool pull_mode() const override { return true; }
  jobengine::Manifest manifest() const override {
    auto made = Action::manifest();
    made.payload_schema = R"({
      "type": "object",
      "properties": {
        "url": {"type": "string", "minLength": 1},
        "method": {"type": "string"},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "body": {},
        "expected-status": {
          "anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]
        },
        "timeout": {"type": "number", "exclusiveMinimum": 0},
        "follow-redirects": {"type": "boolean"},
        "max-response-size": {"type": "integer", "minimum": 1}
      },
      "required": ["url"],
      "additionalProperties": false
    })"_json;
    return made;
  }

  int run(jobengine::Job& job) override {
    Payload payload(job.payload());
    actions::HttpRequest request;
    request.url = url_of(payload);
    request.method = method_of(payload);
    request.headers = headers_of(payload);
    read_body(payload, request);
    const auto expected = expected_of(payload);
    request.timeout =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::duration<double>(
            payload.number_or("timeout", default_timeout, shortest_timeout, longest_timeout)));
    request.follow_redirects = payload.flag_or("follow-redirects", true);
    request.most_bytes = static_cast<std::size_t>(
        payload.integer_or("max-response-size", default_size, 1, largest_size));
    payload.finish();
    try {
      const auto answer = actions::http_exchange(request, job.stop_descriptor());
      job.status(report(request, answer, expected));
      return is_expected(answer.status, expected) ? 0 : 1;
    } catch (const actions::HttpFailure& failure) {
      job.status(request.method + " " + shown(request.url) + ": " + failure.what());
      return 1;
    }
  }
};

}  // namespace

JE_EXPORT_ACTION(HttpRequestAction);
