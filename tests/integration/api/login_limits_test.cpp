// Logins that fail too often, as their senders see it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "tests/integration/api/account_fixture.hpp"
#include "tests/integration/api/wire.hpp"
#include "tests/servers/api_server.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;

std::string from(const std::string& address) {
  return "X-Forwarded-For: 203.0.113.1, " + address + "\r\n";
}

ApiServer& proxied_server() {
  static ApiServer server({{}, {"--trust-forwarded-for"}, {}});
  return server;
}

int wait_of(const Answer& answer) {
  const auto found = answer.headers.find("retry-after");
  return found == answer.headers.end() ? -1 : std::stoi(found->second);
}

// Of the line that says where the figures are served.
std::uint16_t telemetry_port(const std::string& log) {
  const auto line = log.find("/metrics");
  const auto at = log.find("port=", line);
  INFO(log);
  REQUIRE(line != std::string::npos);
  REQUIRE(at != std::string::npos);
  return static_cast<std::uint16_t>(std::stoi(log.substr(at + 5)));
}

TEST_CASE("login limits: ten failures with a name, and the right password has to wait too",
          "[api]") {
  Visitor visitor(proxied_server().port());
  for (const std::string name : {api_admin, "nobody-of-that-name"}) {
    for (int count = 0; count < 10; ++count) {
      // From many places, so that it is the name that counts.
      const auto address = "192.0.2." + std::to_string(count + 1);
      const auto refused = visitor.log_in(name, "wrong-password", from(address));
      CHECK(refused.status == 403);
      CHECK(refused.message() == "invalid credentials for '" + name + "'");
    }
    const auto limited = visitor.log_in(name, api_password, from("192.0.2.99"));
    CHECK(limited.status == 429);
    CHECK(limited.message().find("too many failed logins, try again in ") == 0);
    CHECK(limited.body.at("status") == 429);
    CHECK(wait_of(limited) >= 1);
    CHECK(wait_of(limited) <= 10);
  }
}

TEST_CASE("login limits: thirty failures from an address, whatever the names", "[api]") {
  Visitor visitor(proxied_server().port());
  const auto place = from("198.51.100.7");
  for (int count = 0; count < 30; ++count) {
    REQUIRE(visitor.log_in("name-" + std::to_string(count), "wrong", place).status == 403);
  }
  CHECK(visitor.log_in("one-more", "wrong", place).status == 429);
  CHECK(visitor.log_in("one-more", "wrong", from("198.51.100.8")).status == 403);
}

TEST_CASE("login limits: X-Forwarded-For counts only when the proxy is trusted", "[api]") {
  ApiServer server;
  Visitor visitor(server.port());
  for (int count = 0; count < 30; ++count) {
    const auto place = from("192.0.2." + std::to_string(count + 1));
    REQUIRE(visitor.log_in("name-" + std::to_string(count), "wrong", place).status == 403);
  }
  CHECK(visitor.log_in("one-more", "wrong", from("192.0.2.200")).status == 429);
}

TEST_CASE("login limits: a login that succeeds clears the name's failures", "[api]") {
  const auto user = new_user("clumsy");
  Visitor visitor(accounts_port());
  for (int round = 0; round < 2; ++round) {
    for (int count = 0; count < 6; ++count) {
      REQUIRE(visitor.log_in(user.name, "wrong-password").status == 403);
    }
    REQUIRE(visitor.log_in(user.name, user_password).status == 201);
  }
}

TEST_CASE("login limits: API keys and changes of passwords are limited as well", "[api]") {
  ApiServer server({{}, {"--trust-forwarded-for"}, {}});
  Visitor owner(server.port());
  REQUIRE(owner.log_in(api_admin, api_password).status == 201);
  const auto key = new_key(owner);
  Visitor machine(server.port());
  for (int count = 0; count < 10; ++count) {
    REQUIRE(machine.log_in_by_key(key.id, "wrong").status == 403);
  }
  // With and without the collection's name it is the same key.
  CHECK(machine.log_in_by_key(key.id.substr(11), key.secret).status == 429);
  const auto user = owner.get("user?filter=name='admin'").body.at("resources").at(0);
  const auto path = user.at("credential-password").get<std::string>() + "/change-password";
  json change;
  change["current-password"] = "wrong-password";
  change["new-password"] = "a-better-password";
  for (int count = 0; count < 10; ++count) {
    REQUIRE(owner.send("POST", path, change).status == 403);
  }
  change["current-password"] = api_password;
  CHECK(owner.send("POST", path, change).status == 429);
}

TEST_CASE("login limits: how logins end is counted, and refused ones are logged", "[api]") {
  ApiServer server({{}, {"--telemetry-port", "0", "--log-format", "text", "--debug"}, {}});
  Visitor visitor(server.port());
  REQUIRE(visitor.log_in(api_admin, api_password).status == 201);
  for (int count = 0; count < 10; ++count) {
    REQUIRE(visitor.log_in(api_admin, "wrong").status == 403);
  }
  for (int count = 0; count < 3; ++count) {
    REQUIRE(visitor.log_in(api_admin, "wrong").status == 429);
  }
  const auto metrics = converse(telemetry_port(server.log()),
                                "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(metrics.find("jobengine_api_logins_total{result=\"accepted\"} 1\n") != std::string::npos);
  CHECK(metrics.find("jobengine_api_logins_total{result=\"refused\"} 10\n") != std::string::npos);
  CHECK(metrics.find("jobengine_api_logins_total{result=\"limited\"} 3\n") != std::string::npos);
  const auto log = server.log();
  INFO(log);
  CHECK(log.find("a login was refused user=admin address=127.0.0.1") != std::string::npos);
  CHECK(log.find("a request was refused method=POST path=/api/session status=429 error=") !=
        std::string::npos);
  CHECK(log.find("wrong") == std::string::npos);
}

TEST_CASE("login limits: guesses sent all at once learn no more than ten answers", "[api]") {
  ApiServer server({{}, {"--trust-forwarded-for"}, {}});
  std::vector<std::thread> guessers;
  std::vector<int> statuses(30, 0);
  for (std::size_t place = 0; place < statuses.size(); ++place) {
    guessers.emplace_back([&statuses, &server, place] {
      Visitor visitor(server.port());
      const auto address = "192.0.2." + std::to_string(place + 1);
      statuses[place] = visitor.log_in(api_admin, "guess-" + address, from(address)).status;
    });
  }
  for (auto& guesser : guessers) guesser.join();
  const auto told = std::count(statuses.begin(), statuses.end(), 403);
  CHECK(told >= 10);
  CHECK(told <= 14);  // one more for each thread that answers at the same moment
  CHECK(std::count(statuses.begin(), statuses.end(), 429) == 30 - told);
}

}  // namespace
}  // namespace jobengine::tests
