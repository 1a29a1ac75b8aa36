// What is told of a change, and what becomes of changes nobody has taken yet.
#include "api/events/announcement.hpp"

#include <catch2/catch.hpp>

#include "api/events/backlog.hpp"
#include "api/events/live_filter.hpp"

using namespace jobengine::api;
using namespace jobengine::api::events;
using nlohmann::json;

namespace {

const json running = {{"id", "job/1"}, {"state", "RUNNING"}, {"progress", 10}, {"updated", "then"}};

EventName change_to(const json& changes) {
  json after = running;
  after.update(changes);
  return difference(told_of(running, 1), told_of(after, 2));
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("events: a change has the name of the most telling attribute", "[events]") {
  CHECK(change_to({{"state", "SUCCESS"}, {"progress", 100}}) == EventName::State);
  CHECK(change_to({{"progress", 20}, {"status-message", "half"}}) == EventName::Progress);
  CHECK(change_to({{"status-message", "half"}}) == EventName::Message);
  CHECK(change_to({{"return-code", 1}}) == EventName::Change);
  CHECK(change_to({{"return-code", nullptr}}) == EventName::Change);
  CHECK(change_to({{"updated", "now"}, {"revision", 7}}) == EventName::Nothing);
}

TEST_CASE("events: a number is the same however it was made", "[events]") {
  CHECK(change_to({{"progress", 10U}}) == EventName::Nothing);
  CHECK(change_to({{"progress", json::parse("10")}}) == EventName::Nothing);
}

TEST_CASE("events: values that swap attributes are a change", "[events]") {
  const json one = {{"a", 1}, {"b", 2}};
  const json other = {{"a", 2}, {"b", 1}};
  CHECK(difference(told_of(one, 1), told_of(other, 2)) == EventName::Change);
}

TEST_CASE("events: the text is that of server-sent events, in one line of data", "[events]") {
  const auto data = event_data({{"id", "job/1"}, {"status-message", "a\nb\r\u00e9"}, {"x", 1}},
                               {"status-message", "missing"}, 7);
  CHECK(event_text("message", 7, data) ==
        "id: 7\nevent: message\n"
        R"(data: {"id":"job/1","revision":7,"status-message":"a\nb\r\u00e9"})"
        "\n\n");
  CHECK(comment_text("x") == ": x\n\n");
}

TEST_CASE("events: of what was not taken yet the newest counts, under the most telling name",
          "[events]") {
  Backlog backlog(100'000);
  CHECK(backlog.put("job/1", EventName::State, 1, {{"n", 1}}));
  CHECK(backlog.put("job/2", EventName::Progress, 2, {{"n", 2}}));
  CHECK(backlog.put("job/1", EventName::Message, 3, {{"n", 3}}));
  CHECK(backlog.take(100'000) ==
        "id: 2\nevent: progress\ndata: {\"n\":2}\n\n"
        "id: 3\nevent: state\ndata: {\"n\":3}\n\n");
  CHECK(backlog.empty());
  CHECK(backlog.taken() == 2);
  CHECK(backlog.take(1).empty());
}

TEST_CASE("events: what has left and comes back before anybody looked is told in full",
          "[events]") {
  Backlog backlog(100'000);
  backlog.put("job/1", EventName::Left, 1, {{"n", 1}});
  backlog.put("job/1", EventName::Progress, 2, {{"n", 2}});
  CHECK(backlog.take(1) == "id: 2\nevent: state\ndata: {\"n\":2}\n\n");
  backlog.put("job/1", EventName::State, 3, {{"n", 3}});
  backlog.put("job/1", EventName::Deleted, 4, {{"n", 4}});
  CHECK(backlog.take(1) == "id: 4\nevent: deleted\ndata: {\"n\":4}\n\n");
}

TEST_CASE("events: a backlog takes a bounded amount and says when it is too much", "[events]") {
  Backlog backlog(10'000);
  bool room = true;
  std::size_t most = 0;
  for (int i = 0; room && i < 10'000; ++i) {
    room = backlog.put("job/" + std::to_string(i), EventName::State, i, {{"id", i}});
    most = std::max(most, backlog.bytes());
  }
  CHECK_FALSE(room);
  CHECK(backlog.empty());
  CHECK(most <= 10'000);
  // One alone may be larger: it cannot be told in parts.
  CHECK(backlog.put("job/1", EventName::Message, 1, {{"text", std::string(20'000, 'x')}}));
  CHECK_FALSE(backlog.put("job/2", EventName::Message, 2, {{"text", "x"}}));
}

TEST_CASE("events: a thousand changes of one job wait as one event", "[events]") {
  Backlog backlog(10'000);
  for (int i = 1; i <= 1000; ++i) backlog.put("job/1", EventName::Progress, i, {{"n", i}});
  CHECK(count(backlog.take(100'000), "event:") == 1);
}

TEST_CASE("events: a filter is asked of documents in memory", "[events]") {
  LiveFilter filter(filter::parse("state='RUNNING' and (progress>5 or action^='x')"), 0);
  CHECK(filter.matches(running));
  CHECK_FALSE(filter.matches({{"state", "RUNNING"}, {"progress", 5}}));
  CHECK(filter.matches({{"state", "RUNNING"}, {"action", "xyz"}}));
  LiveFilter recent(filter::parse("created>'now-1h'"), 0);
  const json old = {{"created", "1970-01-01T00:00:01.000Z"}};
  CHECK(recent.matches(old));
  recent.set_now(10 * 3600 * 1000);
  CHECK_FALSE(recent.matches(old));
  CHECK(comparisons_of(filter::parse("a=1 and (b=2 or c=3)")) == 3);
}
