#include "common/queue/queue_view.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace jobengine::queue;
using namespace std::chrono_literals;

namespace {

const QueueView::TimePoint start{1000s};

QueueView view_of(const std::vector<std::string>& entries,
                  const std::vector<std::string>& taken = {}, std::size_t head_window = 1) {
  ViewOptions options;
  options.head_window = head_window;
  QueueView view(options, 1);
  view.refresh(entries, taken, start, 1ms);
  return view;
}

std::optional<EntryName> choose_one(QueueView& view, QueueView::TimePoint now) {
  const auto names = view.choose(now, 1);
  return names.empty() ? std::nullopt : std::optional(names.front());
}

std::string chosen(QueueView& view, QueueView::TimePoint now = start) {
  const auto name = choose_one(view, now);
  return name ? name->text() : "nothing";
}

}  // namespace

TEST_CASE("view: serves by priority, then by arrival", "[queue]") {
  auto view = view_of({"entry-050-0000000002", "entry-999-0000000001", "entry-050-0000000003",
                       "entry-007-0000000009"});
  REQUIRE(chosen(view) == "entry-007-0000000009");
  REQUIRE(chosen(view) == "entry-050-0000000002");
  REQUIRE(chosen(view) == "entry-050-0000000003");
  REQUIRE_FALSE(view.dry(start));
  REQUIRE(chosen(view) == "entry-999-0000000001");
  REQUIRE(view.dry(start));
  REQUIRE(chosen(view) == "nothing");
}

TEST_CASE("view: chooses several at once, none of them twice", "[queue]") {
  auto view = view_of({"entry-050-0000000001", "entry-050-0000000002", "entry-060-0000000003"});
  const auto two = view.choose(start, 2);
  REQUIRE(two == std::vector<EntryName>{{50, 1}, {50, 2}});
  view.taken(two[0]);
  view.drop(two[1]);
  const std::vector<std::string> all = {"entry-050-0000000001", "entry-050-0000000002",
                                        "entry-060-0000000003"};
  view.refresh(all, {}, start, 1ms);
  auto rest = view.choose(start, 100);
  REQUIRE(rest == std::vector<EntryName>{{50, 2}, {60, 3}});
  REQUIRE(view.choose(start, 100).empty());
}

TEST_CASE("view: what is taken, foreign names and locks without an entry are left alone",
          "[queue]") {
  auto view = view_of({"entry-050-0000000001", "entry-050-0000000002", "mine", "entry-5-1", ""},
                      {"entry-050-0000000001", "entry-010-0000000007", "other"});
  REQUIRE(chosen(view) == "entry-050-0000000002");
  REQUIRE(view.dry(start));
}

TEST_CASE("view: chooses at random within the head window of the most urgent priority", "[queue]") {
  std::vector<std::string> entries;
  for (int i = 0; i < 10; ++i) entries.push_back(EntryName{50, i}.text());
  for (int i = 10; i < 20; ++i) entries.push_back(EntryName{60, i}.text());
  std::set<std::int64_t> seen;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    ViewOptions options;
    options.head_window = 4;
    QueueView view(options, seed);
    view.refresh(entries, {}, start, 1ms);
    const auto name = choose_one(view, start);
    REQUIRE(name->priority == 50);
    seen.insert(name->sequence);
  }
  REQUIRE(seen == std::set<std::int64_t>{0, 1, 2, 3});

  auto wide = view_of(entries, {}, 1000);
  for (int i = 0; i < 10; ++i) REQUIRE(choose_one(wide, start)->priority == 50);
  REQUIRE(choose_one(wide, start)->priority == 60);
}

TEST_CASE("view: what is being dealt with is not chosen again, whatever a listing says",
          "[queue]") {
  auto view = view_of({"entry-050-0000000001"});
  const auto name = choose_one(view, start);
  view.refresh({"entry-050-0000000001"}, {}, start, 1ms);
  REQUIRE(view.dry(start));
  SECTION("dropped, it comes back with the next listing") {
    view.drop(*name);
    REQUIRE(view.dry(start));
    view.refresh({"entry-050-0000000001"}, {}, start, 1ms);
    REQUIRE(chosen(view) == name->text());
  }
  SECTION("a new session frees all") {
    view.forget_ours();
    view.refresh({"entry-050-0000000001"}, {}, start, 1ms);
    REQUIRE(chosen(view) == name->text());
  }
}

TEST_CASE("view: an entry put back waits its time and does not block what is behind it",
          "[queue]") {
  auto view = view_of({"entry-050-0000000001", "entry-050-0000000002"});
  const auto first = choose_one(view, start);
  view.put_back(*first, start + 5s);
  REQUIRE(view.next_due() == start + 5s);
  view.refresh({"entry-050-0000000001", "entry-050-0000000002"}, {}, start + 1s, 1ms);
  REQUIRE(chosen(view, start + 1s) == "entry-050-0000000002");
  REQUIRE(view.dry(start + 4s));
  REQUIRE_FALSE(view.dry(start + 5s));
  REQUIRE(chosen(view, start + 5s) == "entry-050-0000000001");
  REQUIRE_FALSE(view.next_due());
}

TEST_CASE("view: an entry put back is forgotten when it is gone", "[queue]") {
  auto view = view_of({"entry-050-0000000001"});
  view.put_back(*choose_one(view, start), start + 5s);
  view.refresh({}, {}, start + 1s, 1ms);
  REQUIRE_FALSE(view.next_due());
  REQUIRE(chosen(view, start + 9s) == "nothing");
}

TEST_CASE("view: an entry put back at once keeps its place", "[queue]") {
  auto view = view_of({"entry-050-0000000001", "entry-050-0000000002"});
  view.put_back(*choose_one(view, start), QueueView::TimePoint());
  REQUIRE(chosen(view) == "entry-050-0000000001");
  REQUIRE(chosen(view) == "entry-050-0000000002");
}

TEST_CASE("view: refreshes are spaced by what they cost", "[queue]") {
  ViewOptions options;
  options.refresh_spacing = 20;
  QueueView view(options, 1);
  REQUIRE(view.next_refresh() < start);
  view.refresh({}, {}, start, 50ms);
  REQUIRE(view.next_refresh() == start + 1s);
  view.refresh({}, {}, start + 1s, 1ms);
  REQUIRE(view.next_refresh() == start + 1s + 20ms);
}

TEST_CASE("view: a hundred thousand entries are worked off", "[queue]") {
  std::vector<std::string> entries;
  for (int i = 0; i < 100000; ++i) entries.push_back(EntryName{i % 1000, i}.text());
  auto view = view_of(entries, {}, 64);
  int priority = 0;
  for (int i = 0; i < 100000; ++i) {
    const auto name = choose_one(view, start);
    REQUIRE(name);
    REQUIRE(name->priority >= priority);
    priority = name->priority;
  }
  REQUIRE(view.dry(start));
}

TEST_CASE("view: a hundred thousand entries that wait cost the next choice nothing", "[queue]") {
  std::vector<std::string> entries;
  for (int i = 0; i < 100000; ++i) entries.push_back(EntryName{50, i}.text());
  auto view = view_of(entries);
  while (const auto name = choose_one(view, start)) view.put_back(*name, start + 1h);
  REQUIRE(view.dry(start));
  REQUIRE(view.next_due() == start + 1h);
  view.refresh({EntryName{50, 7}.text()}, {}, start, 1ms);
  REQUIRE_FALSE(choose_one(view, start));
  REQUIRE(choose_one(view, start + 1h) == EntryName{50, 7});
  REQUIRE(view.dry(start + 1h));
}

TEST_CASE("view: entries are expected by number where one priority is in use", "[queue]") {
  auto view = view_of({"entry-999-0000000004"}, {"entry-999-0000000004"});
  REQUIRE(view.dry(start));
  // A million cost no more than one.
  REQUIRE(view.expect(5, 1000005));
  REQUIRE(view.expect(1000005, 1000007));
  REQUIRE(view.size() == 1000002);
  REQUIRE_FALSE(view.dry(start));
  REQUIRE(chosen(view) == "entry-999-0000000005");
  view.expect_no_more_than(3);
  REQUIRE(view.size() == 3);
  REQUIRE(chosen(view) == "entry-999-0001000004");
  REQUIRE(chosen(view) == "entry-999-0001000005");
  view.expect_no_more_than(0);
  REQUIRE(view.dry(start));
  // Numbers that nobody told of are for a listing.
  REQUIRE(view.expect(2000000, 2000001));
  REQUIRE_FALSE(view.expect(2000005, 2000006));
  view.refresh({}, {}, start, 1ms);
  REQUIRE(view.size() == 0);
}

TEST_CASE("view: nothing is expected where several priorities are in use, or none is known",
          "[queue]") {
  auto several = view_of({"entry-050-0000000001", "entry-999-0000000002"});
  REQUIRE_FALSE(several.expect(3, 4));
  several.expect_no_more_than(0);
  REQUIRE(several.size() == 2);
  auto none = view_of({});
  REQUIRE_FALSE(none.expect(0, 1));
}

TEST_CASE("view: what is dealt with is not expected, and what was put back keeps its place",
          "[queue]") {
  auto view = view_of({"entry-999-0000000001"});
  view.put_back(*choose_one(view, start), start);
  REQUIRE(view.claim(EntryName{999, 3}));
  REQUIRE(view.expect(2, 5));
  REQUIRE(chosen(view) == "entry-999-0000000001");
  REQUIRE(chosen(view) == "entry-999-0000000002");
  REQUIRE(chosen(view) == "entry-999-0000000004");
  REQUIRE(view.dry(start));
}

TEST_CASE("view: new entries of other priorities are learned by name", "[queue]") {
  auto view = view_of({"entry-900-0000000001", "entry-900-0000000002"}, {"entry-900-0000000001"});
  REQUIRE(view.only_priority() == 900);
  REQUIRE(view.listed_priorities(4) == std::vector<int>{900});
  REQUIRE(view.expect(3, 5));
  REQUIRE(view.claim(EntryName{900, 6}));
  view.learn({{900, 5}, {900, 6}});
  REQUIRE(view.only_priority() == 900);
  view.learn({{900, 8}, {0, 7}});
  REQUIRE_FALSE(view.only_priority());
  REQUIRE_FALSE(view.expect(9, 10));
  REQUIRE(chosen(view) == "entry-000-0000000007");
  for (const char* name : {"2", "3", "4", "5", "8"}) {
    REQUIRE(chosen(view) == std::string("entry-900-000000000") + name);
  }
  REQUIRE(view.dry(start));
  view.refresh({"entry-900-0000000009", "entry-007-0000000010"}, {}, start, 1ms);
  REQUIRE(view.listed_priorities(4) == std::vector<int>{900, 7});
  REQUIRE(view.listed_priorities(1) == std::vector<int>{900});
}

TEST_CASE("view: the window widens with what others take", "[queue]") {
  std::set<std::int64_t> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    ViewOptions options;
    options.head_window = 4;
    QueueView view(options, seed);
    view.refresh({"entry-999-0000000000"}, {}, start, 1ms);
    REQUIRE(view.expect(1, 5000));
    view.others_took(500);
    const auto names = view.choose(start, 1);
    REQUIRE(names.size() == 1);
    seen.insert(names.front().sequence);
  }
  REQUIRE(*seen.rbegin() > 500);
  REQUIRE(*seen.rbegin() < 1000);
}

namespace {

QueueView long_queue(std::uint64_t seed) {
  ViewOptions options;
  QueueView view(options, seed);
  std::vector<std::string> entries;
  for (int i = 0; i < 2000; ++i) entries.push_back(EntryName{999, i}.text());
  view.refresh(entries, {}, start, 1ms);
  return view;
}

}  // namespace

TEST_CASE("view: what is chosen together are neighbours, which others rarely choose", "[queue]") {
  constexpr std::size_t together = 32;
  int apart = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    auto one = long_queue(2 * seed);
    auto other = long_queue(2 * seed + 1);
    const auto ours = one.choose(start, together);
    const auto theirs = other.choose(start, together);
    REQUIRE(ours.size() == together);
    int gaps = 0;
    for (std::size_t i = 1; i < ours.size(); ++i) {
      if (ours[i].sequence != ours[i - 1].sequence + 1) ++gaps;
    }
    REQUIRE(gaps <= 1);  // from the end of the window to its beginning
    const bool meet = std::any_of(ours.begin(), ours.end(), [&](const EntryName& name) {
      return std::find(theirs.begin(), theirs.end(), name) != theirs.end();
    });
    if (!meet) ++apart;
  }
  REQUIRE(apart > 120);  // of 200; names chosen one by one would meet in all but a few
}

TEST_CASE("view: the first of a long queue is chosen as soon as any other", "[queue]") {
  std::size_t longest = 0;
  std::size_t all = 0;
  constexpr std::size_t views = 100;
  for (std::uint64_t seed = 0; seed < views; ++seed) {
    auto view = long_queue(seed);
    std::size_t rounds = 0;
    for (bool found = false; !found; ++rounds) {
      const auto names = view.choose(start, 16);
      REQUIRE_FALSE(names.empty());
      found = std::find(names.begin(), names.end(), EntryName{999, 0}) != names.end();
    }
    longest = std::max(longest, rounds);
    all += rounds;
  }
  REQUIRE(all < views * 16);  // 8 on average
  REQUIRE(longest < 80);
}
