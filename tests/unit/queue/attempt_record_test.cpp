#include "common/queue/attempt_record.hpp"

#include <catch2/catch.hpp>

using namespace jobengine::queue;
using namespace std::chrono_literals;

namespace {

AttemptRecord parsed(const std::string& text) {
  std::string complaint;
  const auto record = parse_attempt_record(text, complaint);
  REQUIRE(complaint.empty());
  REQUIRE(record);
  return *record;
}

std::string complaint_about(const std::string& text) {
  std::string complaint;
  const auto record = parse_attempt_record(text, complaint);
  REQUIRE_FALSE(record);
  REQUIRE_FALSE(complaint.empty());
  return complaint;
}

}  // namespace

TEST_CASE("an attempt record is read as it was written", "[queue]") {
  AttemptRecord record;
  record.job = "job/1";
  record.checkpoint = R"({"page": 12345678901234567890123, "x": 1.0})";
  record.retries = 3;
  record.not_before = *parse_rfc3339("2026-11-21T07:50:11.123Z");
  record.note({2, "0123", "", {}, parse_rfc3339("2026-11-21T07:49:00Z"), "retry later: busy"});
  const AttemptRecord again = parsed(text_of(record));
  CHECK(again.job == "job/1");
  CHECK(again.checkpoint == record.checkpoint);
  CHECK(again.retries == 3);
  CHECK(again.not_before == record.not_before);
  REQUIRE(again.attempts.size() == 1);
  CHECK(again.attempts[0].attempt == 2);
  CHECK(again.attempts[0].taker == "0123");
  CHECK(again.attempts[0].how == "retry later: busy");
  CHECK(again.attempts[0].ended == record.attempts[0].ended);
}

TEST_CASE("members of an attempt record that are not known are kept when it is rewritten",
          "[queue]") {
  AttemptRecord record = parsed(R"({"job": "job/1", "retries": 1, "color": {"is": [1, 2]}})");
  record.retries = 2;
  const auto document = nlohmann::json::parse(text_of(record));
  CHECK(document["color"]["is"][1] == 2);
  CHECK(document["retries"] == 2);
}

TEST_CASE("what an attempt record no longer holds is not written", "[queue]") {
  AttemptRecord record =
      parsed(R"({"job": "job/1", "checkpoint": "1", "not-before": "2026-11-21T07:50:11Z"})");
  record.checkpoint.clear();
  record.not_before.reset();
  CHECK(text_of(record) == R"({"job":"job/1"})");
}

TEST_CASE("bytes that are no attempt record are told what is wrong with them", "[queue]") {
  CHECK(complaint_about("") == "it is no JSON object");
  CHECK(complaint_about("\xff\x00\x01") == "it is no JSON object");
  CHECK(complaint_about("[1]") == "it is no JSON object");
  CHECK(complaint_about(R"({"job": "job/1")") == "it is no JSON object");
  CHECK(complaint_about(std::string(500000, '[')) == "it is no JSON object");
  CHECK(complaint_about(R"({"a": )" + std::string(100000, '[') + std::string(100000, ']') + "}") ==
        "it is no JSON object");
  CHECK(complaint_about("{}") == R"(its "job" is not a text)");
  CHECK(complaint_about(R"({"job": "j", "retries": -1})") ==
        R"(its "retries" is not a number from 0 on)");
  CHECK(complaint_about(R"({"job": "j", "retries": 99999999999})") ==
        R"(its "retries" is not a number from 0 on)");
  CHECK(complaint_about(R"({"job": "j", "retries": 18446744073709551615})") ==
        R"(its "retries" is not a number from 0 on)");
  CHECK(complaint_about(R"({"job": "j", "checkpoint": {}})") ==
        R"(its "checkpoint" is not a text)");
  CHECK(complaint_about(R"({"job": "j", "checkpoint": "{"})") ==
        R"(its "checkpoint" is not the text of JSON)");
  CHECK(complaint_about(R"({"job": "j", "not-before": "soon"})") ==
        R"(its "not-before" is not a time like 2026-01-31T12:00:00.000Z)");
}

TEST_CASE("notes of attempts that cannot be read do not cost the record", "[queue]") {
  const AttemptRecord record = parsed(
      R"({"job": "j", "retries": 1, "attempts": [7, {}, {"attempt": 1, "ended": "never"},
          {"attempt": 2, "ended": "2026-11-21T07:50:11Z", "how": 5}]})");
  REQUIRE(record.attempts.size() == 1);
  CHECK(record.attempts[0].attempt == 2);
  CHECK(record.attempts[0].how.empty());
  CHECK(parsed(R"({"job": "j", "attempts": "many"})").attempts.empty());
}

TEST_CASE("an attempt record stays small however many attempts there were", "[queue]") {
  AttemptRecord record;
  record.job = "job/1";
  for (int i = 1; i <= 100; ++i)
    record.note({i, "taker", "", {}, WallTime(), std::string(100000, 'x')});
  REQUIRE(record.attempts.size() == AttemptRecord::most_notes);
  CHECK(record.attempts.back().attempt == 100);
  CHECK(text_of(record).size() < 20000);
}

TEST_CASE("a message of an attempt that is no UTF-8 is still kept", "[queue]") {
  AttemptRecord record;
  record.job = "job/1";
  record.note({1, "taker", "", {}, WallTime(), "caf\xe9"});
  CHECK(parsed(text_of(record)).attempts[0].how == "caf\xef\xbf\xbd");
}

TEST_CASE("times are written and read to the millisecond", "[queue]") {
  const auto time = parse_rfc3339("2024-02-29T23:59:59.9Z");
  REQUIRE(time);
  CHECK(rfc3339(*time) == "2024-02-29T23:59:59.900Z");
  CHECK(rfc3339(WallTime(1ms)) == "1970-01-01T00:00:00.001Z");
  CHECK(parse_rfc3339("2026-11-21T07:50:11.123456789Z") ==
        parse_rfc3339("2026-11-21T07:50:11.123Z"));
  for (const char* wrong :
       {"", "Z", "2026-11-21T07:50:11", "2026-11-21T07:50:11.Z", "2026-02-30T00:00:00Z",
        "2026-11-21 07:50:11Z", "2026-11-21T24:00:00Z", "2026-1-21T07:50:11.0Z",
        "2026-11-21T07:50:11.12x4Z", "9999-11-21T07:50:11Z", "1969-11-21T07:50:11Z",
        "2026-11-21T07:50:11+01:00", "2026-11-21T07:50:11.1234567890Z"}) {
    CHECK_FALSE(parse_rfc3339(wrong));
  }
}

TEST_CASE("attempt record: what died is what was not noted as ended") {
  AttemptRecord record;
  CHECK(record.unclean_before(1) == 0);
  // Taken three times before, and nobody wrote anything down.
  CHECK(record.unclean_before(4) == 3);
  const auto note = [&](std::int32_t attempt, bool ended) {
    AttemptNote made;
    made.attempt = attempt;
    made.executor = "executor-" + std::to_string(attempt);
    made.began = parse_rfc3339("2026-01-31T12:00:00Z");
    if (ended) made.ended = parse_rfc3339("2026-01-31T12:00:01Z");
    record.note(std::move(made));
  };
  note(2, false);
  CHECK(record.unclean_before(4) == 3);
  note(3, true);
  CHECK(record.unclean_before(4) == 2);
  // That this attempt has ended, too, says nothing of those before it.
  note(4, true);
  CHECK(record.unclean_before(4) == 2);
  CHECK(record.unclean_before(5) == 2);
  CHECK(record.has_ended(4));
  CHECK_FALSE(record.has_ended(2));
}

TEST_CASE("attempt record: an attempt that ends keeps who it was, and counts once") {
  AttemptRecord record;
  AttemptNote began;
  began.attempt = 2;
  began.taker = "0123";
  began.executor = "east-1";
  began.began = parse_rfc3339("2026-01-31T12:00:00Z");
  record.note(began);
  AttemptNote ended;
  ended.attempt = 2;
  ended.ended = parse_rfc3339("2026-01-31T12:00:05Z");
  ended.how = "drained";
  record.note(ended);
  record.note(ended);
  REQUIRE(record.attempts.size() == 1);
  CHECK(record.orderly == 1);
  CHECK(record.attempts[0].executor == "east-1");
  CHECK(record.attempts[0].began == began.began);
  std::string complaint;
  record.job = "job/1";
  const auto again = parse_attempt_record(text_of(record), complaint);
  REQUIRE(again);
  CHECK(again->orderly == 1);
  CHECK(again->attempts[0].executor == "east-1");
  CHECK(again->attempts[0].began == began.began);
  CHECK(again->attempts[0].how == "drained");
}

TEST_CASE("attempt record: forgotten notes still count, and older records count theirs") {
  AttemptRecord record;
  record.job = "job/1";
  for (int i = 1; i <= 50; ++i) {
    AttemptNote note;
    note.attempt = i;
    note.ended = parse_rfc3339("2026-01-31T12:00:01Z");
    record.note(std::move(note));
  }
  CHECK(record.attempts.size() == AttemptRecord::most_notes);
  CHECK(record.unclean_before(51) == 0);
  std::string complaint;
  const auto older = parse_attempt_record(
      R"({"job": "job/1", "attempts": [{"attempt": 1, "ended": "2026-01-31T12:00:01Z"}]})",
      complaint);
  REQUIRE(older);
  CHECK(older->unclean_before(3) == 1);
  CHECK_FALSE(parse_attempt_record(R"({"job": "job/1", "orderly": -1})", complaint));
  CHECK(complaint == "its \"orderly\" is not a number from 0 on");
}
