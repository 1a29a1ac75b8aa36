// What of je_host came with plugin ABI 1.1, as the host fills it.
#include "executor/action_host/job_callbacks.hpp"

#include <poll.h>

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace jobengine::executor;

namespace {

// Answers checkpoints like an executor.
class Executor final : public MessageSink {
 public:
  explicit Executor(AnswerBook& answers) : answers_(&answers) {}
  void send(FromHost message) override {
    auto* checkpoint = std::get_if<CheckpointMessage>(&message);
    if (checkpoint == nullptr) return;
    kept.push_back(checkpoint->text);
    answers_->put({checkpoint->request, refusal.empty() ? 200 : 0, refusal});
  }

  std::string refusal;
  std::vector<std::string> kept;

 private:
  AnswerBook* answers_;
};

struct Saved {
  std::string text;
  std::int32_t code = -1;
  std::string why = {};
};

// What the action under test does; the ABI gives it only its state.
struct Deed {
  std::vector<Saved> saves;
  std::int64_t delay = 0;
  std::int32_t outcome = JE_OUTCOME_RETURN_CODE;
  std::string loaded;
};

je_string borrowed(std::string_view text) {
  return {text.data(), text.size()};
}

std::int32_t do_deed(void* state, const je_host* host, je_job* job) {
  auto& deed = *static_cast<Deed*>(state);
  const je_string loaded = host->load_checkpoint(job);
  deed.loaded.assign(loaded.data, loaded.size);
  std::vector<je_string> reasons;
  for (Saved& save : deed.saves) {
    je_string why{nullptr, 0};
    save.code = host->save_checkpoint(job, borrowed(save.text), &why);
    reasons.push_back(why);
  }
  // Reasons stay until the run is over, whatever came after them.
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    if (reasons[i].data != nullptr) deed.saves[i].why.assign(reasons[i].data, reasons[i].size);
  }
  host->set_retry_delay(job, deed.delay);
  host->set_outcome(job, deed.outcome, borrowed("later"));
  return 0;
}

struct Stage {
  AnswerBook answers;
  StopFlag stop;
  Executor executor{answers};

  ResultMessage run(Deed& deed, std::string checkpoint = "") {
    RunMessage message;
    message.action = "deed";
    message.document = R"({"id": "job/1"})";
    message.checkpoint = std::move(checkpoint);
    je_action action{};
    action.struct_size = sizeof action;
    action.state = &deed;
    action.run = do_deed;
    return JobContext(std::move(message), executor, stop, answers).run(action);
  }
};

}  // namespace

TEST_CASE("checkpoint: the run's message brings it, saving waits for the executor's answer") {
  Stage stage;
  Deed deed;
  deed.saves = {{R"({"n":2})"}, {"3"}};
  stage.run(deed, R"({"n":1})");
  CHECK(deed.loaded == R"({"n":1})");
  CHECK(stage.executor.kept == std::vector<std::string>{R"({"n":2})", "3"});
  CHECK(deed.saves[0].code == 0);
  CHECK(deed.saves[1].code == 0);
}

TEST_CASE("checkpoint: why it is not kept is told, and nothing wrong reaches the executor") {
  Stage stage;
  Deed deed;
  deed.saves = {{"{not JSON"}, {'"' + std::string(longest_checkpoint - 1, 'x') + '"'}, {""}};
  stage.run(deed);
  CHECK(stage.executor.kept.empty());
  CHECK(deed.loaded.empty());
  for (const Saved& save : deed.saves) CHECK(save.code == 1);
  CHECK(deed.saves[0].why == "it is not JSON");
  CHECK(deed.saves[1].why == "it has 262145 bytes; a checkpoint has at most 262144");

  deed.saves = {{'"' + std::string(longest_checkpoint - 2, 'x') + '"'}};
  stage.executor.refusal = "the lease has run out";
  stage.run(deed);
  CHECK(stage.executor.kept.size() == 1);
  CHECK(deed.saves[0].code == 1);
  CHECK(deed.saves[0].why == "the lease has run out");
}

TEST_CASE("outcomes: retry later takes its delay along, one run's delay is not the next one's") {
  Stage stage;
  Deed deed;
  deed.delay = 1500;
  deed.outcome = JE_OUTCOME_RETRY_LATER;
  ResultMessage result = stage.run(deed);
  CHECK(result.outcome == JE_OUTCOME_RETRY_LATER);
  CHECK(result.retry_delay_ms == 1500);
  CHECK(result.message == "later");

  deed.delay = -7;
  CHECK(stage.run(deed).retry_delay_ms == 0);
  deed.outcome = JE_OUTCOME_SKIPPED;
  result = stage.run(deed);
  CHECK(result.outcome == JE_OUTCOME_SKIPPED);
  CHECK(result.message == "later");
}

TEST_CASE("stop flag: descriptor and flag agree, however often it is raised and reset") {
  StopFlag stop;
  const auto readable = [&] {
    pollfd descriptor{stop.descriptor(), POLLIN, 0};
    return ::poll(&descriptor, 1, 0) == 1;
  };
  for (int round = 0; round < 3; ++round) {
    stop.reset();
    CHECK_FALSE(stop.raised());
    CHECK_FALSE(stop.wait(0));
    CHECK_FALSE(readable());
    stop.raise();
    stop.raise();
    CHECK(stop.raised());
    CHECK(stop.wait(-1));
    CHECK(readable());
  }
}

TEST_CASE("job: what its document says is what an action is told, whoever has read it") {
  for (const bool read_before : {false, true}) {
    Stage stage;
    RunMessage message;
    message.document = R"({"id": "job/1", "payload": "{}", "target-resource": {"href": "a/1"}})";
    if (read_before) message.facts.emplace(RunMessage::Facts{"job/1", "{}", "a/1"});
    je_action action{};
    action.struct_size = sizeof action;
    std::string told;
    action.state = &told;
    action.run = [](void* state, const je_host* host, je_job* job) {
      for (const je_string part : {host->job_id(job), host->job_payload(job), host->job_target(job),
                                   host->job_document(job)}) {
        static_cast<std::string*>(state)->append(part.data, part.size).append(" ");
      }
      return std::int32_t{0};
    };
    const std::string document = message.document;
    JobContext(std::move(message), stage.executor, stage.stop, stage.answers).run(action);
    CHECK(told == "job/1 {} a/1 " + document + " ");
  }
}
