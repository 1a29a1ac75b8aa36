#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "common/runtime/failure.hpp"
#include "executor/attempt_history.hpp"
#include "executor/outcome_journal.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;

namespace {

KeptOutcome outcome_of(int number) {
  KeptOutcome outcome;
  outcome.entry = queue::EntryName{50, number};
  outcome.job_id = "job/" + std::to_string(number);
  outcome.attempt = 3;
  outcome.ended = *queue::parse_rfc3339("2026-01-31T12:00:00.500Z");
  outcome.edit = {{"state", "SUCCESS"}, {"return-code", 0}, {"status-message", "caf\xc3\xa9"}};
  outcome.reason = "the action returned 0";
  return outcome;
}

}  // namespace

TEST_CASE("journal: what is kept is there after a restart, and gone once it is forgotten") {
  const TemporaryDirectory directory;
  const std::string path = (directory.path() / "outcomes").string();
  run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
    {
      OutcomeJournal journal(loop, path);
      co_await journal.keep(outcome_of(1));
      co_await journal.keep(outcome_of(2));
      // The last word counts.
      KeptOutcome again = outcome_of(2);
      again.attempt = 4;
      co_await journal.keep(std::move(again));
    }
    {
      OutcomeJournal journal(loop, path);
      REQUIRE(journal.size() == 2);
      const KeptOutcome* kept = journal.find(queue::EntryName{50, 2}, "job/2");
      REQUIRE(kept != nullptr);
      CHECK(kept->attempt == 4);
      CHECK(kept->edit == outcome_of(2).edit);
      CHECK(kept->ended == outcome_of(2).ended);
      CHECK(kept->reason == "the action returned 0");
      // The names of entries start anew with the queue.
      CHECK(journal.find(queue::EntryName{50, 2}, "job/other") == nullptr);
      journal.forget(queue::EntryName{50, 1});
      journal.forget(queue::EntryName{50, 77});
    }
    const OutcomeJournal journal(loop, path);
    CHECK(journal.entries() == std::vector{queue::EntryName{50, 2}});
  });
}

TEST_CASE("journal: files that are no outcomes are told and put aside") {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "entry-050-0000000001.json") << "{\"entry\": ";
  std::ofstream(directory.path() / "entry-050-0000000002.json") << "[]";
  std::ofstream(directory.path() / "entry-050-0000000003.json.new") << text_of(outcome_of(3));
  asio::io_context loop;
  const OutcomeJournal journal(loop, directory.path().string());
  CHECK(journal.size() == 0);
  CHECK(std::filesystem::exists(directory.path() / "entry-050-0000000001.json.unreadable"));
  CHECK(std::filesystem::exists(directory.path() / "entry-050-0000000002.json.unreadable"));
}

TEST_CASE("journal: a directory that cannot be had is told") {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "file") << "x";
  asio::io_context loop;
  CHECK_THROWS_AS(OutcomeJournal(loop, (directory.path() / "file/outcomes").string()),
                  runtime::Failure);
}

TEST_CASE("journal: each wrong member is named") {
  const auto complaint_about = [](const char* name, nlohmann::json value) {
    auto document = nlohmann::json::parse(text_of(outcome_of(1)));
    document[name] = std::move(value);
    std::string complaint;
    CHECK_FALSE(parse_outcome(document.dump(), complaint));
    return complaint;
  };
  CHECK(complaint_about("entry", "entry-1") == "its \"entry\" is no name of a queue entry");
  CHECK(complaint_about("job", 7) == "its \"job\" is no text");
  CHECK(complaint_about("attempt", "2") == "its \"attempt\" is no number");
  CHECK(complaint_about("ended", "noon") ==
        "its \"ended\" is no time like 2026-01-31T12:00:00.000Z");
  CHECK(complaint_about("edit", {{"state", "RUNNING"}}) ==
        "its \"edit\" brings no job to a final state");
}

TEST_CASE("the history of a job that is given up says what is known of each attempt") {
  queue::AttemptRecord record;
  queue::AttemptNote died;
  died.attempt = 2;
  died.executor = "east-1";
  died.began = queue::parse_rfc3339("2026-01-31T12:00:00Z");
  record.note(died);
  queue::AttemptNote drained;
  drained.attempt = 3;
  drained.taker = "0123";
  drained.ended = queue::parse_rfc3339("2026-01-31T12:01:00Z");
  drained.how = "this executor ends";
  record.note(drained);
  const std::string text = attempt_history(record, 4, record.unclean_before(4));
  CHECK(text ==
        "Given up: 2 attempts died, or lost their lock, before they had an outcome\n"
        "Attempt 1: died, and left no note\n"
        "Attempt 2: executor east-1, began 2026-01-31T12:00:00.000Z, died\n"
        "Attempt 3: taker 0123, ended 2026-01-31T12:01:00.000Z: this executor ends");
}
