// One JSON request and its answer, as whoever one likes to be.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace jobengine::tests {

struct Answer {
  int status = 0;
  std::string head;     // status line and headers
  nlohmann::json body;  // discarded when it is no JSON

  std::string header(const std::string& name) const;  // "" when there is none
  std::string message() const;
};

// Speaks to a server that trusts the authn header.
class Caller {
 public:
  // `authn`: "user/jane user/jane group/nuvla-user"
  Caller(std::uint16_t port, std::string authn) : port_(port), authn_(std::move(authn)) {}

  Answer get(const std::string& path) const { return send("GET", path, {}); }
  Answer add(const std::string& path, const nlohmann::json& body) const {
    return send("POST", path, body);
  }
  Answer edit(const std::string& path, const nlohmann::json& body) const {
    return send("PUT", path, body);
  }
  Answer remove(const std::string& path) const { return send("DELETE", path, {}); }
  // "deployment/1/start"
  Answer operate(const std::string& path, const nlohmann::json& body = {}) const {
    return send("POST", path, body);
  }
  Answer patch(const std::string& path, const nlohmann::json& operations) const {
    return send("PUT", path, operations, "Content-Type: application/json-patch+json\r\n");
  }
  // PATCH with the header "bulk".
  Answer bulk(const std::string& path, const nlohmann::json& body) const {
    return send("PATCH", path, body, "Content-Type: application/json\r\nbulk: yes\r\n");
  }
  Answer bulk_delete(const std::string& collection, const std::string& filter) const;
  // `path` below /api/; a null body is none.
  Answer send(const std::string& method, const std::string& path, const nlohmann::json& body,
              const std::string& headers = "Content-Type: application/json\r\n") const;

  // The id of what was added; fails the test when it was not.
  std::string added(const std::string& collection, const nlohmann::json& body) const;

 private:
  std::uint16_t port_;
  std::string authn_;
};

}  // namespace jobengine::tests
