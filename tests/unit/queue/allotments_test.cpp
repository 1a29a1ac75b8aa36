#include "common/queue/allotments.hpp"

#include <catch2/catch.hpp>

#include "common/queue/queue_view.hpp"
#include "common/queue/take_pace.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace std::chrono_literals;

namespace {

const QueueView::TimePoint start{1000s};

std::vector<std::string> texts(std::int64_t first, std::int64_t end, int priority = 999) {
  std::vector<std::string> entries;
  for (std::int64_t i = first; i < end; ++i) entries.push_back(EntryName{priority, i}.text());
  return entries;
}

QueueView view_of(const std::vector<std::string>& entries) {
  QueueView view(ViewOptions(), 1);
  view.refresh(entries, {}, start, 1ms);
  return view;
}

std::vector<EntryName> names(std::int64_t first, std::int64_t end) {
  std::vector<EntryName> found;
  for (std::int64_t i = first; i < end; ++i) found.push_back({999, i});
  return found;
}

}  // namespace

TEST_CASE("allotments: are read as they were written", "[queue]") {
  Allotments some;
  some.before = {{0, 7}, {999, 123456}};
  const std::string text = text_of(some, 42);
  REQUIRE(text == R"({"before":{"0":7,"999":123456},"folder":42})");
  REQUIRE(parse_allotments(text, 42).before == some.before);
  REQUIRE(parse_allotments(text, 43).before.empty());
}

TEST_CASE("allotments: bytes that are none are none", "[queue]") {
  for (const std::string text :
       {"", "null", "[]", "{", "{\"folder\":42}", "{\"folder\":42,\"before\":[1]}",
        "{\"folder\":42,\"before\":{\"1000\":1,\"-1\":1,\"x\":1,\"7\":\"1\",\"8\":1.5}}",
        "{\"folder\":\"42\",\"before\":{\"7\":1}}"}) {
    CAPTURE(text);
    REQUIRE(parse_allotments(text, 42).before.empty());
  }
  const std::string deep(5000, '[');
  REQUIRE(parse_allotments(deep, 42).before.empty());
  REQUIRE(parse_allotments(std::string(1000000, ' '), 42).before.empty());
}

TEST_CASE("allotments: of very many priorities the most urgent are written", "[queue]") {
  Allotments many;
  for (int i = 0; i < 1000; ++i) many.before[i] = i;
  const auto read = parse_allotments(text_of(many, 1), 1).before;
  REQUIRE(read.size() == Allotments::most_priorities);
  REQUIRE(read.rbegin()->first == static_cast<int>(Allotments::most_priorities) - 1);
}

TEST_CASE("view: what is allotted to us is chosen in order, what is allotted to others is not",
          "[queue]") {
  auto view = view_of(texts(0, 100));
  view.were_allotted(999, 40, start);
  REQUIRE(view.size() == 60);
  REQUIRE(view.to_allot(1000) == 60);
  REQUIRE(view.to_allot(10) == 10);
  REQUIRE(view.choose(start, 5, true).empty());
  REQUIRE(view.propose(8) == names(40, 48));
  REQUIRE(view.size() == 60);
  REQUIRE(view.choose(start, 5, true).empty());
  view.proposal_stands();
  REQUIRE(view.allotted() == 8);
  REQUIRE(view.choose(start, 5, true) == names(40, 45));
  REQUIRE(view.choose(start, 5, true) == names(45, 48));
  // Others go on behind it.
  view.were_allotted(999, 60, start);
  REQUIRE(view.propose(2) == names(60, 62));
  view.proposal_fell();
  REQUIRE(view.allotted() == 0);
  REQUIRE(view.propose(2) == names(60, 62));
}

TEST_CASE("view: a listing leaves us what was allotted to us, as far as it is there", "[queue]") {
  auto view = view_of(texts(0, 100));
  view.propose(4);
  view.proposal_stands();
  view.propose(4);
  view.refresh(texts(2, 100), texts(3, 5), start, 1ms);
  view.proposal_stands();
  REQUIRE(view.choose(start, 100, true) ==
          std::vector<EntryName>{{999, 2}, {999, 5}, {999, 6}, {999, 7}});
}

// Each is a question to ZooKeeper.
TEST_CASE("view: of what was passed over 16 are noted, however many priorities there are",
          "[queue]") {
  auto entries = texts(0, 100, 998);
  for (const auto& entry : texts(0, 100)) entries.push_back(entry);
  auto view = view_of(entries);
  view.were_allotted(998, 50, start);
  view.were_allotted(999, 50, start);
  REQUIRE(view.passed_over().size() == 16);
  REQUIRE(view.passed_over().front().priority == 998);
}

TEST_CASE("view: what was allotted to somebody and not taken is anybody's in the end", "[queue]") {
  auto view = view_of(texts(0, 100));
  view.were_allotted(999, 50, start);
  SECTION("but not at once") {
    view.refresh(texts(0, 100), {}, start + 1s, 1ms);
    REQUIRE(view.passed_over().size() == 16);
    for (const auto& name : view.passed_over()) REQUIRE(name.sequence < 50);
    REQUIRE(view.size() == 50);
  }
  SECTION("after a while") {
    view.refresh(texts(40, 100), {}, start + 2s, 1ms);
    REQUIRE(view.passed_over().empty());
    REQUIRE(view.size() == 60);
    // Nobody will be allotted them any more: whoever sees them first takes them, before all others.
    const auto first = view.choose(start + 2s, 10, true);
    REQUIRE(first.size() == 10);
    for (const auto& name : first) REQUIRE(name.sequence < 50);
    // Those of others since are not among them.
    view.were_allotted(999, 60, start + 3s);
    REQUIRE(view.size() == 40);
    // They become so in their turn.
    view.refresh(texts(50, 100), {}, start + 4s, 1ms);
    REQUIRE(view.size() == 40);
    REQUIRE(view.passed_over().size() == 10);
    view.refresh(texts(50, 100), {}, start + 6s, 1ms);
    REQUIRE(view.size() == 50);
  }
  SECTION("and where there is little else") {
    view.refresh(texts(40, 60), {}, start + 1s, 1ms);
    REQUIRE(view.passed_over().empty());
    REQUIRE(view.size() == 20);
  }
  SECTION("and after our session") {
    view.forget_ours();
    view.refresh(texts(0, 100), {}, start, 1ms);
    REQUIRE(view.size() == 100);
  }
}

TEST_CASE("view: what is more urgent comes before what is allotted", "[queue]") {
  auto entries = texts(0, 50);
  auto view = view_of(entries);
  view.propose(5);
  view.proposal_stands();
  entries.push_back("entry-100-0000000050");
  REQUIRE(view.allotted() == 5);
  view.refresh(entries, {}, start, 1ms);
  REQUIRE(view.to_allot(10) == 1);
  REQUIRE(view.allotted() == 0);
  REQUIRE(view.choose(start, 2) == std::vector<EntryName>{{100, 50}, {999, 0}});
}

TEST_CASE("view: what we put back is ours to try again, whatever was allotted since", "[queue]") {
  auto view = view_of(texts(0, 50));
  view.propose(5);
  view.proposal_stands();
  const auto ours = view.choose(start, 5, true);
  view.put_back(ours[1], start + 1s);
  view.were_allotted(999, 50, start);
  REQUIRE(view.choose(start, 5, true).empty());
  REQUIRE(view.choose(start + 1s, 5, true) == std::vector<EntryName>{ours[1]});
}

TEST_CASE("view: new entries that others were allotted are not expected", "[queue]") {
  auto view = view_of(texts(0, 10));
  view.were_allotted(999, 15, start);
  REQUIRE(view.expect(10, 20));
  REQUIRE(view.size() == 5);
  view.were_allotted(999, 17, start);
  REQUIRE(view.size() == 3);
  REQUIRE(view.propose(10) == names(17, 20));
}

TEST_CASE("view: in a folder made anew nothing is allotted", "[queue]") {
  auto view = view_of(texts(0, 10));
  view.were_allotted(999, 1000, start);
  view.forget_allotments();
  view.refresh(texts(0, 10), {}, start, 1ms);
  REQUIRE(view.to_allot(100) == 10);
}

TEST_CASE("view: in strict order nothing is allotted", "[queue]") {
  ViewOptions options;
  options.head_window = 1;
  QueueView view(options, 1);
  view.refresh(texts(0, 100), {}, start, 1ms);
  REQUIRE(view.to_allot(10) == 0);
}

TEST_CASE("pace: what was taken in the last quarter of a second, or second", "[queue]") {
  TakePace pace;
  auto now = runtime::TimePoint(1000s);
  REQUIRE(pace.soon(now) == 0);
  for (int i = 0; i < 10; ++i) pace.count(now += 100ms);
  REQUIRE(pace.soon(now + 250ms) == 8);  // but for the first quarter
  for (int i = 0; i < 200; ++i) pace.count(now + 250ms);
  REQUIRE(pace.soon(now + 500ms) == 200);
  REQUIRE(pace.soon(now + 1h) == 0);
}
