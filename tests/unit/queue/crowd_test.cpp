// Several processes with views of their own work off one queue: simulated, round by round.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "common/queue/queue_view.hpp"

using namespace jobengine::queue;
using namespace std::chrono_literals;

namespace {

const QueueView::TimePoint start{1000s};

// What is in ZooKeeper, and how the members of a crowd go about it.
class Crowd {
 public:
  Crowd(std::size_t members, std::int64_t entries) {
    for (std::int64_t i = 0; i < entries; ++i) free_.insert(i);
    for (std::size_t i = 0; i < members; ++i) {
      members_.emplace_back(ViewOptions(), 1 + i);
      members_.back().refresh(texts(), {}, start, 1ms);
    }
  }

  // Each member in turn takes up to `together`, allotted `at_once` at a time.
  void work_off(std::size_t together, std::size_t at_once) {
    while (!free_.empty()) {
      for (auto& view : members_) {
        const bool allotted = take_allotted(view, together, at_once);
        if (!allotted) take(view, view.choose(start, together));
        if (view.dry(start)) view.refresh(texts(), {}, start, 1ms);
      }
    }
  }

  std::size_t taken = 0;
  std::size_t lost = 0;
  // How many entries that were older were still free.
  std::size_t most_before = 0;

 private:
  bool take_allotted(QueueView& view, std::size_t together, std::size_t at_once) {
    if (view.to_allot(8 * at_once) < 8 * at_once) return false;
    if (view.allotted() < together) {
      view.were_allotted(999, allotted_, start);
      const auto names = view.propose(at_once);
      if (!names.empty()) allotted_ = names.back().sequence + 1;
      view.proposal_stands();
    }
    take(view, view.choose(start, together, true));
    return true;
  }

  void take(QueueView& view, const std::vector<EntryName>& names) {
    for (const EntryName& name : names) {
      const auto place = free_.find(name.sequence);
      if (place == free_.end()) {
        ++lost;
      } else {
        most_before =
            std::max(most_before, static_cast<std::size_t>(std::distance(free_.begin(), place)));
        ++taken;
        free_.erase(place);
      }
      view.drop(name);
    }
  }

  std::vector<std::string> texts() const {
    std::vector<std::string> names;
    for (const std::int64_t number : free_) names.push_back(EntryName{999, number}.text());
    return names;
  }

  std::set<std::int64_t> free_;
  std::vector<QueueView> members_;
  std::int64_t allotted_ = 0;
};

}  // namespace

TEST_CASE("crowd: those who are allotted names lose hardly a race, and keep the order", "[queue]") {
  constexpr std::size_t at_once = 50;
  for (const std::size_t members : {2UL, 4UL, 10UL}) {
    CAPTURE(members);
    Crowd crowd(members, 5000);
    crowd.work_off(8, at_once);
    REQUIRE(crowd.taken == 5000);
    // What is left in the end, less than eight allotments, is fought over.
    CHECK(crowd.lost < 8 * at_once * members / 2);
    CHECK(crowd.most_before < (members + 8) * at_once);
  }
}
