// Somebody who talks JSON to job-api and keeps the cookie it is given, as a browser does.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace jobengine::tests {

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case; of several the last
  std::string text;
  nlohmann::json body;  // null when the text is no JSON
  std::string message() const { return body.is_object() ? body.value("message", "") : ""; }
};

class Visitor {
 public:
  explicit Visitor(std::uint16_t port);

  // `headers`: lines, each ending in "\r\n", beside the cookie. A Set-Cookie in the answer replaces
  // the cookie.
  Answer send(const std::string& method, const std::string& path,
              const nlohmann::json& body = nullptr, const std::string& headers = {});
  Answer get(const std::string& path) { return send("GET", path); }
  // By password; returns the whole answer.
  Answer log_in(const std::string& username, const std::string& password,
                const std::string& headers = {});
  Answer log_in_by_key(const std::string& key, const std::string& secret);

  // The session of the last login.
  const std::string& session() const { return session_; }
  std::string cookie;  // "name=value"

 private:
  Answer log_in_by(const nlohmann::json& wanted, const std::string& headers);

  std::uint16_t port_;
  std::string address_;  // sent as X-Forwarded-For unless `headers` have one
  std::string session_;
};

}  // namespace jobengine::tests
