#include <catch2/catch.hpp>
#include <functional>
#include <jobengine/testing.hpp>
#include <optional>
#include <stdexcept>

#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using Catch::Contains;

extern "C" const je_plugin plugin_written_in_c;

namespace {

class Does : public Action {
 public:
  explicit Does(std::function<int(Job&)> what) : what_(std::move(what)) {}
  std::string name() const override { return "does"; }
  std::string description() const override { return "What the test wants"; }
  int run(Job& job) override { return what_(job); }

 private:
  std::function<int(Job&)> what_;
};

testing::RunResult run(testing::FakeHost& host, std::function<int(Job&)> what) {
  Does action(std::move(what));
  return host.run(action);
}

testing::RunResult run(std::function<int(Job&)> what) {
  testing::FakeHost host;
  return run(host, std::move(what));
}

struct OurFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct First : Action {
  std::string name() const override { return "first"; }
  std::string description() const override { return "The \"first\""; }
  bool pull_mode() const override { return true; }
  int run(Job&) override { return 1; }
};

struct Second : Action {
  std::string name() const override { return "second"; }
  std::string description() const override { return "The second"; }
  int run(Job&) override { return 2; }
};

struct Unmakeable : Second {
  Unmakeable() { throw OurFailure("no licence found"); }
};

template <class... Actions>
struct Made {
  je_action action{};
  std::string error;

  explicit Made(uint32_t index) {
    je_string reason{};
    action.struct_size = sizeof action;
    if (detail::ExportedPlugin<Actions...>::create_action(index, &action, &reason) != 0) {
      error = detail::view(reason);
    }
  }
  ~Made() {
    if (action.destroy != nullptr) action.destroy(action.state);
  }
};

}  // namespace

TEST_CASE("border: what an action throws is the job's failure", "[sdk]") {
  const auto message = [](std::function<int(Job&)> what) {
    const auto result = run(std::move(what));
    REQUIRE(result.outcome == JE_OUTCOME_FAILED);
    REQUIRE(result.return_code == 1);
    return result.message;
  };
  REQUIRE(message([](Job&) -> int { throw std::runtime_error("disk full"); }) ==
          "std::runtime_error: disk full");
  REQUIRE_THAT(message([](Job&) -> int { throw OurFailure("x"); }),
               Catch::EndsWith("OurFailure: x"));
  REQUIRE(message([](Job&) -> int { throw 42; }) == "int: thrown, and no std::exception");
  REQUIRE(message([](Job&) -> int { throw "text"; }) == "const char*: text");
  REQUIRE(message([](Job&) -> int { throw std::string("text"); }) == "std::string: text");
}

TEST_CASE("border: the return code is the action's", "[sdk]") {
  const auto result = run([](Job&) { return 3; });
  REQUIRE(result.return_code == 3);
  REQUIRE(result.outcome == JE_OUTCOME_RETURN_CODE);
}

TEST_CASE("border: an action can fail with a message and leave its job running", "[sdk]") {
  const auto failed = run([](Job& job) { return job.fail("no such image"); });
  REQUIRE(failed.outcome == JE_OUTCOME_FAILED);
  REQUIRE(failed.message == "no such image");
  const auto left = run([](Job& job) { return job.left_running(); });
  REQUIRE(left.outcome == JE_OUTCOME_LEFT_RUNNING);
  REQUIRE(left.return_code == 0);
}

TEST_CASE("job: what is to be done", "[sdk]") {
  testing::FakeHost host({.payload = R"({"count": 3})",
                          .target = "deployment/1",
                          .action = "does",
                          .id = "job/7",
                          .attempt = 2,
                          .resumed = true});
  REQUIRE(run(host, [](Job& job) {
            REQUIRE(job.id() == "job/7");
            REQUIRE(job.action() == "does");
            REQUIRE(job.target() == "deployment/1");
            REQUIRE(job.payload() == nlohmann::json{{"count", 3}});
            REQUIRE(job.document()["target-resource"]["href"] == "deployment/1");
            REQUIRE(job.attempt() == 2);
            REQUIRE(job.resumed());
            return 0;
          }).return_code == 0);
}

TEST_CASE("job: without payload it is an empty object, and no JSON is an error", "[sdk]") {
  run([](Job& job) {
    REQUIRE(job.payload() == nlohmann::json::object());
    return 0;
  });
  testing::FakeHost host({.payload = "{\"a\": "});
  const auto result = run(host, [](Job& job) { return static_cast<int>(job.payload().size()); });
  REQUIRE_THAT(result.message, Catch::StartsWith("jobengine::PayloadError: payload is no JSON: "));
}

TEST_CASE("job: what is said about it reaches the host", "[sdk]") {
  testing::FakeHost host;
  run(host, [](Job& job) {
    job.progress(10);
    job.progress(150);
    job.status("half way");
    job.add_affected_resource("deployment/2");
    job.log("note");
    job.log(LogLevel::error, "bad");
    return 0;
  });
  REQUIRE(host.progress_steps() == std::vector<int>{10, 100});
  REQUIRE(host.status() == "half way");
  REQUIRE(host.affected_resources() == std::vector<std::string>{"deployment/2"});
  REQUIRE(host.logs().size() == 2);
  REQUIRE(host.logs()[1].level == LogLevel::error);
}

TEST_CASE("job: a stop wakes whoever waits for it", "[sdk]") {
  testing::FakeHost host;
  std::thread stopper([&] {
    host.wait_until([](const auto& seen) { return seen.status() == "waiting"; });
    host.request_stop();
  });
  run(host, [](Job& job) {
    REQUIRE_FALSE(job.stop_requested());
    REQUIRE_FALSE(job.wait_for_stop(std::chrono::milliseconds(0)));
    job.status("waiting");
    REQUIRE(job.wait_for_stop(std::chrono::milliseconds(-1)));
    REQUIRE(job.stop_requested());
    return 0;
  });
  stopper.join();
}

TEST_CASE("api: requests as the protocol has them", "[sdk]") {
  testing::FakeHost host;
  host.answer("PUT", "job", 200, {{"count", 2}, {"resources", {{{"id", "job/1"}}}}});
  host.answer("DELETE", "job", 200, {{"deleted", 5}});
  host.answer("POST", "job/1/cancel", 200, {{"state", "CANCELED"}});
  host.answer("POST", "deployment", 201, {{"resource-id", "deployment/9"}});
  host.answer("GET", "deployment/9", 200, {{"name", "x"}});
  run(host, [](Job& job) {
    const auto api = job.api();
    Search search;
    search.filter = "state=['RUNNING'] and created<'now-7d'";
    search.select = "id, state";
    search.last = 10;
    REQUIRE(api.search("job", search)["count"] == 2);
    REQUIRE(api.bulk_delete("job", "a='b'")["deleted"] == 5);
    REQUIRE(api.operation("job/1", "cancel")["state"] == "CANCELED");
    REQUIRE(api.as("user/jane").add("deployment", {{"name", "x"}}) == "deployment/9");
    REQUIRE(api.get("deployment/9?select=name")["name"] == "x");
    return 0;
  });
  const auto requests = host.requests();
  REQUIRE(requests.size() == 5);
  REQUIRE(
      requests[0].body ==
      "filter=state%3D%5B%27RUNNING%27%5D+and+created%3C%27now-7d%27&last=10&select=id%2C+state");
  REQUIRE(requests[0].content_type == "application/x-www-form-urlencoded");
  REQUIRE(requests[1].headers == "bulk: yes");
  REQUIRE(requests[1].body == "filter=a%3D%27b%27");
  REQUIRE(requests[2].body == "{}");
  REQUIRE(requests[3].as_identity == "user/jane");
  REQUIRE(requests[3].body == R"({"name":"x"})");
}

TEST_CASE("api: an answer that is no success is an ApiError with the API's message", "[sdk]") {
  testing::FakeHost host;
  host.answer("PUT", "job/1", 409,
              {{"status", 409}, {"message", "edit is not allowed in final state"}});
  host.answer_text("GET", "job/2", 0, "connection refused");
  host.answer_text("GET", "job/3", 200, "<html>");
  const auto failure = [&](auto call) {
    std::optional<ApiError> caught;
    run(host, [&](Job& job) {
      try {
        call(job.api());
      } catch (const ApiError& error) {
        caught = error;
      }
      return 0;
    });
    REQUIRE(caught);
    return *caught;
  };
  const auto refused = failure([](Api api) { api.edit("job/1", {{"progress", 1}}); });
  REQUIRE(refused.status() == 409);
  REQUIRE(std::string(refused.what()) == "PUT job/1: 409: edit is not allowed in final state");
  const auto unreachable = failure([](Api api) { api.get("job/2"); });
  REQUIRE(unreachable.status() == 0);
  REQUIRE(std::string(unreachable.what()) == "GET job/2: no answer: connection refused");
  REQUIRE_THAT(failure([](Api api) { api.get("job/3"); }).what(), Contains("is no JSON"));
  REQUIRE(failure([](Api api) { api.get("job/4"); }).status() == 404);
}

TEST_CASE("plugin: offers its actions with their manifests", "[sdk]") {
  REQUIRE(detail::ExportedPlugin<First, Second>::action_count() == 2);
  const Made<First, Second> first(0);
  const Made<First, Second> second(1);
  const auto manifest = testing::PluginFile::manifest(first.action);
  REQUIRE(manifest["name"] == "first");
  REQUIRE(manifest["description"] == "The \"first\"");
  REQUIRE(manifest["pull-mode"] == true);
  testing::FakeHost host;
  REQUIRE(host.run(second.action).return_code == 2);
}

TEST_CASE("plugin: what cannot be made is refused with a reason", "[sdk]") {
  REQUIRE_THAT(Made<First>(1).error, Contains("no action with this index"));
  REQUIRE_THAT(Made<Unmakeable>(0).error, Catch::EndsWith("OurFailure: no licence found"));
}

TEST_CASE("plugin: one written in C runs the same way", "[sdk]") {
  je_action action{};
  action.struct_size = sizeof action;
  je_string error{};
  REQUIRE(plugin_written_in_c.create_action(1, &action, &error) != 0);
  REQUIRE(detail::view(error) == "no such action");
  REQUIRE(plugin_written_in_c.create_action(0, &action, &error) == 0);
  testing::FakeHost host({.payload = "{}"});
  REQUIRE(host.run(action).return_code == 2);
  REQUIRE(host.progress() == 50);
  REQUIRE(host.status() == "{}");
}

TEST_CASE("plugin file: one that does not load says why", "[sdk]") {
  REQUIRE_THROWS_WITH(testing::PluginFile("/no/such/plugin.so"), Contains("No such file"));
  const auto real = tests::build_directory() + "/lib/job-engine/actions/dummy_test_action.so";
  const testing::PluginFile plugin(real);
  REQUIRE_THROWS_WITH(plugin.action("other"), "the plugin has no action other");
}
