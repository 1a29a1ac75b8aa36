#include "tests/integration/api/exchange.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>

#include "tests/integration/api/wire.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Answer parsed(const std::string& bytes) {
  Answer answer;
  const auto end = bytes.find("\r\n\r\n");
  answer.head = bytes.substr(0, end);
  if (answer.head.size() > 12) answer.status = std::stoi(answer.head.substr(9, 3));
  const auto body = end == std::string::npos ? std::string() : bytes.substr(end + 4);
  answer.body = json::parse(body, nullptr, /*allow_exceptions=*/false);
  return answer;
}

}  // namespace

std::string Answer::header(const std::string& name) const {
  const auto at = lower(head).find("\r\n" + lower(name) + ": ");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

std::string Answer::message() const {
  return body.is_object() ? body.value("message", std::string()) : std::string();
}

Answer Caller::send(const std::string& method, const std::string& path, const json& body,
                    const std::string& headers) const {
  const auto text = body.is_null() ? std::string() : body.dump();
  return parsed(converse(
      port_, method + " /api/" + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
                 (body.is_null() ? std::string() : headers) + "nuvla-authn-info: " + authn_ +
                 "\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text));
}

Answer Caller::bulk_delete(const std::string& collection, const std::string& filter) const {
  std::string form = "filter=";
  for (const char c : filter) {
    static constexpr const char* digits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    form += std::string("%") + digits[byte >> 4U] + digits[byte & 15U];
  }
  return parsed(
      converse(port_, "DELETE /api/" + collection +
                          " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nbulk: yes\r\nContent-Type: "
                          "application/x-www-form-urlencoded\r\nnuvla-authn-info: " +
                          authn_ + "\r\nContent-Length: " + std::to_string(form.size()) +
                          "\r\n\r\n" + form));
}

std::string Caller::added(const std::string& collection, const json& body) const {
  const auto answer = add(collection, body);
  INFO(answer.head << "\n" << answer.body.dump());
  REQUIRE(answer.status == 201);
  return answer.body["resource-id"];
}

}  // namespace jobengine::tests
