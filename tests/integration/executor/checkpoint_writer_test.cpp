// One write at a time, the latest counts, and nobody is told "kept" too early.
#include "executor/checkpoint_writer.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "executor/hosts/host_message.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using namespace std::chrono_literals;

namespace {

// Writes end when the test says so.
class SlowKeeper final : public AttemptKeeper {
 public:
  queue::AttemptRecord record() const override { return kept; }
  awaitable<std::string> keep(queue::AttemptRecord record) override {
    ++writing;
    most_writing = std::max(most_writing, writing);
    co_await go_on.wait();
    go_on.reset();
    --writing;
    writes.push_back(record.checkpoint);
    if (refusal.empty()) kept = std::move(record);
    co_return refusal;
  }
  queue::AttemptRecord kept;
  std::vector<std::string> writes;
  std::string refusal;
  int writing = 0;
  int most_writing = 0;
  runtime::Event go_on;
};

struct Stage {
  explicit Stage(asio::io_context& loop, bool with_keeper = true)
      : background(loop.get_executor()) {
    auto note = [this](std::uint64_t request, const std::string& why) { answers[request] = why; };
    writer = std::make_shared<CheckpointWriter>(with_keeper ? &keeper : nullptr, background, note);
  }
  awaitable<void> let_one_write_end() {
    const auto before = keeper.writes.size();
    keeper.go_on.raise();
    const bool ended = co_await eventually([&] { return keeper.writes.size() > before; });
    REQUIRE(ended);
    co_await eventually([&] { return keeper.writing > 0 || !writer->busy(); });
  }
  SlowKeeper keeper;
  std::map<std::uint64_t, std::string> answers;
  runtime::TaskGroup background;
  std::shared_ptr<CheckpointWriter> writer;
};

}  // namespace

TEST_CASE("checkpoints: a newer one supersedes one that waits, and each answer comes after it") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Stage stage(loop);
    stage.keeper.kept.retries = 3;
    stage.writer->save(1, "1");
    co_await eventually([&] { return stage.keeper.writing == 1; });
    stage.writer->save(2, "2");
    stage.writer->save(3, "3");
    CHECK(stage.answers.empty());
    co_await stage.let_one_write_end();
    CHECK(stage.answers.size() == 1);
    CHECK(stage.answers.at(1).empty());
    co_await stage.let_one_write_end();
    CHECK(stage.answers.size() == 3);
    CHECK(stage.keeper.writes == std::vector<std::string>{"1", "3"});
    CHECK(stage.keeper.most_writing == 1);
    CHECK(stage.keeper.kept.retries == 3);
    CHECK_FALSE(stage.writer->busy());
    co_await stage.background.join();
  });
}

TEST_CASE("checkpoints: what cannot be kept is refused with the reason") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Stage stage(loop);
    stage.keeper.refusal = "the lease of the job is lost";
    stage.writer->save(1, "1");
    co_await stage.let_one_write_end();
    CHECK(stage.answers.at(1) == "the lease of the job is lost");
    stage.writer->save(2, "{not json");
    CHECK(stage.answers.at(2) == "it is not JSON");
    stage.writer->save(3, std::string(longest_checkpoint + 1, '1'));
    CHECK_THAT(stage.answers.at(3), Catch::Contains("a checkpoint has at most 262144"));
    CHECK(stage.keeper.writes.size() == 1);
    co_await stage.background.join();
  });
}

TEST_CASE("checkpoints: without a queue they are refused") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Stage stage(loop, false);
    stage.writer->save(1, "1");
    CHECK_THAT(stage.answers.at(1), Catch::Contains("pull mode"));
    co_await stage.background.join();
  });
}

TEST_CASE("checkpoints: the end of a run waits for the one under way, and refuses the rest") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Stage stage(loop);
    stage.writer->save(1, "1");
    co_await eventually([&] { return stage.keeper.writing == 1; });
    stage.writer->save(2, "2");
    co_await stage.writer->close(1ms);
    CHECK(stage.answers.empty());
    stage.writer->save(3, "3");
    CHECK(stage.answers.at(3) == "the run is over");
    stage.keeper.go_on.raise();
    co_await stage.writer->close(1h);
    CHECK(stage.answers.at(1).empty());
    CHECK(stage.answers.at(2) == "the run is over");
    CHECK(stage.keeper.writes == std::vector<std::string>{"1"});
    co_await stage.background.join();
  });
}
