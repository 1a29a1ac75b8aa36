#include "tests/integration/api/visitor.hpp"

#include <algorithm>
#include <atomic>
#include <cctype>

#include "tests/integration/api/wire.hpp"

namespace jobengine::tests {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Answer answer_of(const std::string& bytes) {
  Answer answer;
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string::npos || bytes.size() < 12) return answer;
  answer.status = std::stoi(bytes.substr(9, 3));
  std::size_t at = bytes.find("\r\n") + 2;
  while (at < end) {
    const auto line_end = bytes.find("\r\n", at);
    const auto colon = bytes.find(": ", at);
    answer.headers[lower(bytes.substr(at, colon - at))] =
        bytes.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  answer.text = bytes.substr(end + 4);
  answer.body = nlohmann::json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
  if (answer.body.is_discarded()) answer.body = nullptr;
  return answer;
}

// Each visitor comes from a network of its own, as far as the server believes it.
std::string fresh_address() {
  static std::atomic<int> count{0};
  return "2001:db8:0:" + std::to_string(++count) + "::1";
}

}  // namespace

Visitor::Visitor(std::uint16_t port) : port_(port), address_(fresh_address()) {}

Answer Visitor::send(const std::string& method, const std::string& path, const nlohmann::json& body,
                     const std::string& headers) {
  const auto text = body.is_null() ? std::string() : body.dump();
  std::string bytes = method + " /api/" + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
  if (!cookie.empty()) bytes += "Cookie: " + cookie + "\r\n";
  if (!text.empty()) bytes += "Content-Type: application/json\r\n";
  if (headers.find("X-Forwarded-For") == std::string::npos) {
    bytes += "X-Forwarded-For: " + address_ + "\r\n";
  }
  bytes += headers + "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
  auto answer = answer_of(converse(port_, bytes));
  const auto given = answer.headers.find("set-cookie");
  if (given != answer.headers.end()) cookie = given->second.substr(0, given->second.find(';'));
  return answer;
}

Answer Visitor::log_in_by(const nlohmann::json& wanted, const std::string& headers) {
  nlohmann::json body;
  body["template"] = wanted;
  auto answer = send("POST", "session", body, headers);
  if (answer.status == 201) session_ = answer.body.at("resource-id").get<std::string>();
  return answer;
}

Answer Visitor::log_in(const std::string& username, const std::string& password,
                       const std::string& headers) {
  nlohmann::json wanted;
  wanted["href"] = "session-template/password";
  wanted["username"] = username;
  wanted["password"] = password;
  return log_in_by(wanted, headers);
}

Answer Visitor::log_in_by_key(const std::string& key, const std::string& secret) {
  nlohmann::json wanted;
  wanted["href"] = "session-template/api-key";
  wanted["key"] = key;
  wanted["secret"] = secret;
  return log_in_by(wanted, {});
}

}  // namespace jobengine::tests
