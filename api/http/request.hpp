// A request as the rest of job-api sees it; Beast stops in request_reader.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jobengine::api::http {

struct Request {
  std::string method;  // "GET", as sent
  std::string target;  // path and query as sent: "/api/job?filter=…"
  // Names in lower case, in the order of the request.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer;       // the address it came from: "127.0.0.1", "::1"
  bool over_tls = false;  // our own TLS, not a proxy's

  // The first of that name (lower case); nothing when it was not sent.
  std::optional<std::string_view> header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return std::nullopt;
  }
  // The target up to the '?'.
  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  // What follows the '?'; empty without one.
  std::string_view query() const {
    const auto mark = target.find('?');
    return mark == std::string::npos ? std::string_view()
                                     : std::string_view(target).substr(mark + 1);
  }
};

}  // namespace jobengine::api::http
