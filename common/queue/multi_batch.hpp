// What several callers want done, as one multi: which of it fits together, and what a reply means
// for each of them. Pure: no I/O.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "common/zookeeper/znode.hpp"

namespace jobengine::queue {

// A server refuses requests of 1 MB, and a follower pays for each as a whole.
inline constexpr std::size_t most_operations = 100;
inline constexpr std::size_t most_bytes = 256 * 1024;
// What an operation needs beside its path and data.
inline constexpr std::size_t operation_frame = 64;

// Operations that belong together: all of them happen or none does, whatever becomes of others.
struct Offer {
  std::vector<zookeeper::Operation> operations;
  zookeeper::Epoch epoch = 0;  // not to be sent in another one; 0: in any
  // Called once, with the reply a multi of these operations alone would have got.
  std::function<void(zookeeper::MultiReply)> answered;
};

// Offers that go into one multi.
struct MultiBatch {
  std::vector<Offer> offers;
  int failures = 0;  // how often it failed because of offers that are not in it any more
};

// How many of the first of `offers` fit into one multi: at least one.
std::size_t fitting(const std::vector<Offer>& offers);

// In the order of the offers.
std::vector<MultiBatch> batches_of(std::vector<Offer> offers);

std::vector<zookeeper::Operation> operations_of(const MultiBatch& batch);

// Tells the offers their replies; returns what is to be sent again at once. A multi fails as a
// whole: who failed it is told so and the others go again, together at first, then in halves, so
// that a crowd of failures costs few rounds. When the outcome is unknown, it is for all of them.
std::vector<MultiBatch> settle(MultiBatch batch, zookeeper::MultiReply reply);

// Nothing was sent, and nothing will be.
void refuse(MultiBatch batch, zookeeper::ZnodeError error);

// Which operation of a multi failed; nothing when none did or the server did not say.
std::optional<std::size_t> failed_operation(const zookeeper::MultiReply& reply);

// How many empty a line at a time. Whoever joins the line asks for one more to begin, which it does
// when the loop has come to the end of its turn: what joins within one turn leaves together. While
// some are at work, newcomers gather for the next, until there are enough of them for a full one.
class Senders {
 public:
  static constexpr std::size_t most = 2;
  static constexpr std::size_t most_full = 8;

  // Whether `at_work` leave room for one more. `full`: it would be as large as it may.
  static bool room(std::size_t at_work, bool full) { return at_work < (full ? most_full : most); }

  // True: one more is to be started; it calls began() first, and ended() last.
  bool may_begin(bool full) {
    if (starting_ || !room(at_work_, full)) return false;
    starting_ = true;
    ++at_work_;
    return true;
  }
  void began() { starting_ = false; }
  void ended() { --at_work_; }

 private:
  std::size_t at_work_ = 0;
  bool starting_ = false;
};

}  // namespace jobengine::queue
