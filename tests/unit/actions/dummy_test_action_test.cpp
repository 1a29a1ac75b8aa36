#include <catch2/catch.hpp>
#include <thread>

#include "tests/unit/actions/builtin_action.hpp"

using namespace jobengine;
using Catch::Contains;

namespace {

testing::RunResult run(testing::FakeHost& host) {
  return tests::BuiltinAction("dummy_test_action").run(host);
}

}  // namespace

TEST_CASE("dummy_test_action: duration, return code and message are the payload's", "[actions]") {
  testing::FakeHost host({.payload = R"({"duration": 0, "return-code": 7, "message": "done"})"});
  const auto result = run(host);
  REQUIRE(result.return_code == 7);
  REQUIRE(result.outcome == JE_OUTCOME_RETURN_CODE);
  REQUIRE(host.status() == "done");
  REQUIRE(host.progress_steps().empty());
}

TEST_CASE("dummy_test_action: tells its progress on the way", "[actions]") {
  testing::FakeHost host({.payload = R"({"duration": 0.6})"});
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(run(host).return_code == 0);
  REQUIRE(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(600));
  const auto steps = host.progress_steps();
  REQUIRE(steps == std::vector<int>{41, 83});
}

TEST_CASE("dummy_test_action: ends early when asked to stop", "[actions]") {
  testing::FakeHost host({.payload = R"({"duration": 3600})"});
  host.request_stop();
  REQUIRE(run(host).return_code == 1);
  REQUIRE_THAT(host.status(), Contains("Stopped before"));
}

TEST_CASE("dummy_test_action: a payload it does not understand fails the job and says why",
          "[actions]") {
  const auto message = [](const char* payload) {
    testing::FakeHost host({.payload = payload});
    const auto result = run(host);
    REQUIRE(result.outcome == JE_OUTCOME_FAILED);
    return result.message;
  };
  REQUIRE_THAT(message("{"), Contains("payload is no JSON"));
  REQUIRE_THAT(message("[1]"), Contains("must be a JSON object, but is [1]"));
  REQUIRE_THAT(message(R"({"duration": -1})"), Contains("\"duration\" must be a number from 0"));
  REQUIRE_THAT(message(R"({"duration": "3"})"), Contains("but is \"3\""));
  REQUIRE_THAT(message(R"({"return-code": 1.5})"), Contains("an integer from 0 to 255"));
  REQUIRE(message(R"({"durations": 1})") ==
          "jobengine::PayloadError: payload: unknown key \"durations\"; known are: duration, "
          "message, return-code");
}
