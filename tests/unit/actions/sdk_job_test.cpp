// What a Job offers since plugin ABI 1.1, and how that degrades on an older engine.
#include <catch2/catch.hpp>
#include <condition_variable>
#include <functional>
#include <jobengine/testing.hpp>
#include <mutex>

using namespace jobengine;
using Catch::Contains;

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

nlohmann::json jobs_found(int count) {
  return {{"count", count}, {"resources", nlohmann::json::array()}};
}

}  // namespace

TEST_CASE("checkpoint: what was saved is there for the next attempt", "[sdk]") {
  testing::FakeHost first;
  run(first, [](Job& job) {
    CHECK_FALSE(job.checkpoint());
    job.save_checkpoint({{"done", 1}});
    job.save_checkpoint({{"done", 2}});
    return 0;
  });
  REQUIRE(first.checkpoints().size() == 2);

  testing::FakeHost second({.attempt = 2, .checkpoint = first.checkpoints().back().dump()});
  run(second, [](Job& job) {
    REQUIRE(job.checkpoint());
    CHECK(job.checkpoint()->at("done") == 2);
    return 0;
  });
}

TEST_CASE("checkpoint: one that is not kept is an error that says why", "[sdk]") {
  testing::FakeHost host;
  host.refuse_checkpoints("the lease has run out");
  const auto result = run(host, [](Job& job) {
    job.save_checkpoint(1);
    return 0;
  });
  CHECK(result.outcome == JE_OUTCOME_FAILED);
  CHECK_THAT(result.message, Contains("CheckpointError") && Contains("the lease has run out"));
  CHECK(host.checkpoints().empty());
}

TEST_CASE("checkpoint: what is too long or no text is not kept", "[sdk]") {
  testing::FakeHost host;
  const auto said = [&](const nlohmann::json& state) {
    return run(host,
               [&](Job& job) {
                 job.save_checkpoint(state);
                 return 0;
               })
        .message;
  };
  CHECK_THAT(said(std::string(256UL * 1024, 'x')),
             Contains("CheckpointError") && Contains("256 KiB"));
  CHECK_THAT(said("\xff"), Contains("CheckpointError") && Contains("UTF-8"));
  CHECK(said(std::string(256UL * 1024 - 2, 'x')).empty());
  CHECK(host.checkpoints().size() == 1);
}

TEST_CASE("outcome: retry later, with and without a delay of the action's own", "[sdk]") {
  testing::FakeHost host;
  auto result =
      run(host, [](Job& job) { return job.retry_later("busy", std::chrono::seconds(7)); });
  CHECK(result.outcome == JE_OUTCOME_RETRY_LATER);
  CHECK(result.message == "busy");
  CHECK(result.retry_delay == std::chrono::seconds(7));

  result = run(host, [](Job& job) { return job.retry_later("busy"); });
  CHECK(result.outcome == JE_OUTCOME_RETRY_LATER);
  CHECK(result.retry_delay.count() == 0);
}

TEST_CASE("outcome: skipped", "[sdk]") {
  testing::FakeHost host;
  const auto result = run(host, [](Job& job) { return job.skip("there already"); });
  CHECK(result.outcome == JE_OUTCOME_SKIPPED);
  CHECK(result.return_code == 0);
  CHECK(result.message == "there already");
}

TEST_CASE("an engine of ABI 1.0 has less, and nothing breaks on it", "[sdk]") {
  testing::FakeHost host({.abi_minor = 0});
  auto result = run(host, [](Job& job) {
    CHECK_FALSE(job.checkpoint());
    CHECK_THROWS_AS(job.save_checkpoint(1), CheckpointError);
    return job.retry_later("busy");
  });
  CHECK(result.outcome == JE_OUTCOME_FAILED);
  CHECK(result.message == "busy");

  result = run(host, [](Job& job) { return job.skip("there already"); });
  CHECK(result.outcome == JE_OUTCOME_RETURN_CODE);
  CHECK(result.return_code == 0);
  CHECK(host.status() == "Skipped: there already");
}

TEST_CASE("stop token: a standard one, raised by the engine", "[sdk]") {
  testing::FakeHost host;
  Does action([](Job& job) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    job.progress(1);
    never.wait(lock, job.stop_token(), [] { return false; });
    return job.stop_token().stop_requested() ? 3 : 0;
  });
  std::thread stopper([&] {
    host.wait_until([](const auto& seen) { return seen.progress() == 1; });
    host.request_stop();
  });
  const auto result = host.run(action);
  stopper.join();
  CHECK(result.return_code == 3);
}

TEST_CASE("stop token: a run that was never stopped ends all the same", "[sdk]") {
  testing::FakeHost host;
  const auto result = run(host, [](Job& job) { return job.stop_token().stop_requested() ? 3 : 0; });
  CHECK(result.return_code == 0);
}

TEST_CASE("nested jobs: added with this job as their parent", "[sdk]") {
  testing::FakeHost host({.id = "job/parent"});
  host.answer("POST", "job", 201, {{"resource-id", "job/child"}});
  run(host, [](Job& job) {
    CHECK(job.add_nested_job(
              {.action = "child", .target = "x/1", .payload = {{"n", 1}}, .priority = 7}) ==
          "job/child");
    return 0;
  });
  const auto sent = host.requests("POST", "job");
  REQUIRE(sent.size() == 1);
  const auto document = nlohmann::json::parse(sent[0].body);
  CHECK(document["parent-job"] == "job/parent");
  CHECK(document["action"] == "child");
  CHECK(document["target-resource"]["href"] == "x/1");
  CHECK(document["payload"] == R"({"n":1})");
  CHECK(document["priority"] == 7);
}

TEST_CASE("nested jobs: waited for until none is open", "[sdk]") {
  testing::FakeHost host({.id = "job/parent"});
  host.answer("PUT", "job", 200, jobs_found(2));
  host.answer("PUT", "job", 200, jobs_found(0));
  run(host, [](Job& job) {
    CHECK(job.wait_for_nested_jobs(std::chrono::milliseconds(1)));
    return 0;
  });
  const auto sent = host.requests("PUT", "job");
  REQUIRE(sent.size() == 2);
  CHECK_THAT(sent[0].body, Contains("parent-job%3D%27job%2Fparent%27"));
  CHECK_THAT(sent[0].body, Contains("state%3D%5B%27QUEUED%27%2C+%27RUNNING%27%5D"));
}

TEST_CASE("nested jobs: listed, all of them or those in some states", "[sdk]") {
  testing::FakeHost host({.id = "job/parent"});
  const nlohmann::json failed{{"id", "job/a"}, {"state", "FAILED"}, {"status-message", "no"}};
  host.answer("PUT", "job", 200, {{"count", 1}, {"resources", {failed}}});
  host.answer("PUT", "job", 200, jobs_found(0));
  run(host, [&](Job& job) {
    const auto found = job.nested_jobs({"FAILED", "CANCELED"});
    REQUIRE(found.size() == 1);
    CHECK(found[0] == failed);
    CHECK(job.nested_jobs().empty());
    return 0;
  });
  const auto sent = host.requests("PUT", "job");
  REQUIRE(sent.size() == 2);
  CHECK_THAT(sent[0].body, Contains("state%3D%5B%27FAILED%27%2C+%27CANCELED%27%5D"));
  CHECK_THAT(sent[1].body, !Contains("state%3D"));
}

TEST_CASE("nested jobs: mode and acl are the API's unless they are given", "[sdk]") {
  testing::FakeHost host;
  host.answer("POST", "job", 201, {{"resource-id", "job/a"}});
  host.answer("POST", "job", 201, {{"resource-id", "job/b"}});
  const nlohmann::json acl{{"owners", {"group/nuvla-admin"}}, {"view-acl", {"user/jane"}}};
  run(host, [&](Job& job) {
    job.add_nested_job({.action = "child"});
    job.add_nested_job({.action = "child", .execution_mode = "mixed", .acl = acl});
    return 0;
  });
  const auto sent = host.requests("POST", "job");
  REQUIRE(sent.size() == 2);
  const auto bare = nlohmann::json::parse(sent[0].body);
  CHECK(bare.size() == 2);  // action, parent-job
  const auto given = nlohmann::json::parse(sent[1].body);
  CHECK(given["execution-mode"] == "mixed");
  CHECK(given["acl"] == acl);
}

TEST_CASE("nested jobs: waiting ends when a stop is requested", "[sdk]") {
  testing::FakeHost host;
  host.answer("PUT", "job", 200, jobs_found(2));
  host.request_stop();
  run(host, [](Job& job) {
    CHECK_FALSE(job.wait_for_nested_jobs());
    return 0;
  });
}

TEST_CASE("api as the user: from the payload's authn-info", "[sdk]") {
  testing::FakeHost host({.payload = R"({"authn-info": {"user-id": "user/jane",
    "active-claim": "group/ops", "claims": ["group/ops", "group/nuvla-user"]}})"});
  host.answer("GET", "deployment/1", 200, nlohmann::json::object());
  run(host, [](Job& job) {
    job.api_as_user().get("deployment/1");
    return 0;
  });
  REQUIRE(host.requests().size() == 1);
  CHECK(host.requests()[0].as_identity == "user/jane group/ops group/ops group/nuvla-user");
}

TEST_CASE("api as the user: a payload that does not say who is told apart", "[sdk]") {
  struct Case {
    const char* payload;
    const char* said;
  };
  const auto bad = GENERATE(
      Case{"{}", "\"authn-info\" is missing"}, Case{"[]", "\"authn-info\" is missing"},
      Case{R"({"authn-info": 3})", "\"user-id\""},
      Case{R"({"authn-info": {"user-id": "", "active-claim": "u"}})", "\"user-id\""},
      Case{R"({"authn-info": {"user-id": "u group/nuvla-admin", "active-claim": "u"}})",
           "without white space"},
      Case{R"({"authn-info": {"user-id": "u", "active-claim": "u\nx: y"}})", "\"active-claim\""},
      Case{R"({"authn-info": {"user-id": "u", "active-claim": "u", "claims": "u"}})", "list"},
      Case{R"({"authn-info": {"user-id": "user/jane"}})", "\"active-claim\""},
      Case{R"({"authn-info": {"user-id": "u", "active-claim": "u", "claims": [1]}})", "claims"});
  testing::FakeHost host({.payload = bad.payload});
  const auto result = run(host, [](Job& job) {
    job.api_as_user();
    return 0;
  });
  CHECK_THAT(result.message, Contains("PayloadError") && Contains(bad.said));
}

TEST_CASE("manifest: the engine's words for what an action says", "[sdk]") {
  Manifest manifest;
  manifest.name = "resize";
  manifest.timeout = std::chrono::seconds(90);
  manifest.retry.limit = 2;
  manifest.retry.on_crash = true;
  manifest.isolation = Isolation::shared;
  manifest.labels = {"gpu"};
  const auto document = manifest.document();
  CHECK(document["timeout"] == "90000ms");
  CHECK(document["retry"]["limit"] == 2);
  CHECK(document["retry"]["on"] == nlohmann::json::array({"crash"}));
  CHECK(document["isolation"] == "shared");
  CHECK(document["labels"] == nlohmann::json::array({"gpu"}));
  CHECK_FALSE(document.contains("payload-schema"));
}
