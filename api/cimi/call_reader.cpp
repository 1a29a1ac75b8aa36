#include "api/cimi/call_reader.hpp"

#include <algorithm>

#include "api/cimi/cimi_error.hpp"
#include "api/http/request_body.hpp"

namespace jobengine::api::cimi {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

// "application/json" of "Application/JSON; charset=utf-8".
std::string media_type(const http::Request& request) {
  auto type = lower(request.header("content-type").value_or(""));
  type = type.substr(0, type.find(';'));
  const auto last = type.find_last_not_of(" \t");
  return last == std::string::npos ? std::string() : type.substr(0, last + 1);
}

bool is_json(const std::string& type) {
  return type.empty() || type == "application/json" ||
         (type.starts_with("application/") && type.ends_with("+json"));
}

CimiError too_large() {
  return {413, "request body too large"};
}

std::string plain_body(const http::Request& request, std::size_t limit) {
  const auto coding = lower(request.header("content-encoding").value_or("identity"));
  if (coding == "identity") return request.body;
  if (coding != "gzip" && coding != "x-gzip") {
    throw CimiError(415, "content encoding '" + coding + "' is not supported, only gzip is");
  }
  auto unpacked = http::unpack_gzip(request.body, limit);
  if (unpacked.outcome == http::Unpacked::Outcome::TooLarge) {
    throw too_large();
  }
  if (unpacked.outcome == http::Unpacked::Outcome::Malformed) {
    throw bad_request("the body is no valid gzip data");
  }
  return std::move(unpacked.text);
}

// 0 when there is nothing but blanks.
char first_of(const std::string& text) {
  const auto at = text.find_first_not_of(" \t\r\n");
  return at == std::string::npos ? '\0' : text[at];
}

// What is put into base-uri comes from headers anybody may send: only what can be a host.
bool is_host(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == ':' || c == '[' || c == ']' || c == '_';
  });
}

}  // namespace

Call read_call(const http::Request& request, http::Route route, const BodyLimits& limits) {
  Call call;
  call.method = request.method;
  call.uri = std::string(request.path());
  call.route = std::move(route);
  if (!call.url.append(request.query())) {
    throw bad_request("the query string is not percent-encoded correctly");
  }
  call.parameters = call.url;
  auto body = plain_body(request, std::max(limits.one, limits.many));
  const char first = first_of(body);
  const auto type = media_type(request);
  const bool list = first == '[' && limits.many > 0 && is_json(type);
  if (!list && body.size() > limits.one) throw too_large();
  if (first != '\0') {
    call.media_type = type;
    if (type == "application/x-www-form-urlencoded") {
      if (!call.parameters.append(body)) throw bad_request("the form is not encoded correctly");
    } else if (list) {
      call.list = std::move(body);
      call.largest_element = limits.one;
    } else if (is_json(type)) {
      auto document = http::parse_json(body);
      if (!document) throw MalformedJson();
      call.body = std::move(*document);
    } else {
      throw CimiError(
          415,
          "content type '" + type +
              "' is not supported, expected application/json or application/x-www-form-urlencoded");
    }
  }
  call.if_match = std::string(request.header("if-match").value_or(""));
  call.if_none_match = std::string(request.header("if-none-match").value_or(""));
  call.accept = lower(request.header("accept").value_or(""));
  call.last_event_id = std::string(request.header("last-event-id").value_or(""));
  call.bulk = request.header("bulk").has_value();
  call.over_tls =
      request.over_tls || lower(request.header("x-forwarded-proto").value_or("http")) == "https";
  auto host = request.header("x-forwarded-host");
  if (!host) host = request.header("host");
  const auto shown = host && is_host(*host) ? std::string(*host) : std::string("localhost");
  call.base_uri = (call.over_tls ? "https://" : "http://") + shown + "/api/";
  return call;
}

}  // namespace jobengine::api::cimi
