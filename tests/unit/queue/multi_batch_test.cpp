#include "common/queue/multi_batch.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>

using namespace jobengine::queue;
using namespace jobengine::zookeeper;

namespace {

struct Told {
  std::map<std::string, MultiReply> replies;
  int count = 0;

  Offer offer(const std::string& name, std::size_t size = 0, Epoch epoch = 1) {
    Offer made;
    made.operations.push_back(set_operation("/entries/" + name, std::string(size, 'x'), 0));
    made.operations.push_back(create_operation("/taken/" + name, "", CreateMode::Ephemeral));
    made.epoch = epoch;
    made.answered = [this, name](MultiReply reply) {
      replies[name] = std::move(reply);
      ++count;
    };
    return made;
  }
  ZnodeError error(const std::string& name) const { return replies.at(name).error; }
};

// A server that has locks for some names.
MultiReply answer_of(const std::vector<Operation>& operations, const std::set<std::string>& locks) {
  MultiReply reply;
  reply.results.resize(operations.size());
  for (std::size_t i = 0; i < operations.size() && reply.error == ZnodeError::Ok; ++i) {
    if (operations[i].path.starts_with("/taken/") && locks.contains(operations[i].path.substr(7))) {
      for (auto& result : reply.results) result.error = ZnodeError::RolledBack;
      reply.results[i].error = reply.error = ZnodeError::NodeExists;
    }
  }
  return reply;
}

std::vector<Offer> offers_of(Told& told, std::size_t count) {
  std::vector<Offer> offers;
  for (std::size_t i = 0; i < count; ++i) offers.push_back(told.offer(std::to_string(i)));
  return offers;
}

MultiBatch batch_of(std::vector<Offer> offers) {
  MultiBatch batch;
  batch.offers = std::move(offers);
  return batch;
}

}  // namespace

TEST_CASE("batch: at most so many operations and bytes, and one epoch", "[queue]") {
  Told told;
  const auto full = batches_of(offers_of(told, 120));
  REQUIRE(full.size() == 3);
  REQUIRE(operations_of(full[0]).size() == most_operations);
  REQUIRE(operations_of(full[1]).size() == most_operations);
  REQUIRE(operations_of(full[2]).size() == 40);

  std::vector<Offer> heavy;
  heavy.push_back(told.offer("small"));
  heavy.push_back(told.offer("larger than a batch", most_bytes + 1));
  heavy.push_back(told.offer("after it"));
  REQUIRE(batches_of(std::move(heavy)).size() == 3);

  std::vector<Offer> epochs;
  epochs.push_back(told.offer("old", 0, 1));
  epochs.push_back(told.offer("new", 0, 2));
  REQUIRE(batches_of(std::move(epochs)).size() == 2);
  REQUIRE(batches_of({}).empty());
}

TEST_CASE("batch: each offer gets its part of what was done", "[queue]") {
  Told told;
  auto batch = batch_of(offers_of(told, 3));
  MultiReply reply;
  reply.results.resize(6);
  for (std::size_t i = 0; i < 6; ++i) reply.results[i].path = std::to_string(i);
  REQUIRE(settle(std::move(batch), std::move(reply)).empty());
  REQUIRE(told.count == 3);
  REQUIRE(told.replies.at("1").results.size() == 2);
  REQUIRE(told.replies.at("1").results[0].path == "2");
  REQUIRE(told.replies.at("2").results[1].path == "5");
}

TEST_CASE("batch: who failed is told so, the others go again", "[queue]") {
  Told told;
  auto batch = batch_of(offers_of(told, 5));
  const auto operations = operations_of(batch);
  auto again = settle(std::move(batch), answer_of(operations, {"2"}));
  REQUIRE(told.count == 1);
  REQUIRE(told.error("2") == ZnodeError::NodeExists);
  REQUIRE(failed_operation(told.replies.at("2")) == 1);
  REQUIRE(again.size() == 1);
  REQUIRE(again[0].offers.size() == 4);
  const auto rest = operations_of(again[0]);
  REQUIRE(settle(std::move(again[0]), answer_of(rest, {})).empty());
  REQUIRE(told.count == 5);
  REQUIRE(told.error("4") == ZnodeError::Ok);
}

TEST_CASE("batch: an unknown outcome is everybody's", "[queue]") {
  for (const ZnodeError error : {ZnodeError::ConnectionLoss, ZnodeError::SessionLost}) {
    Told told;
    MultiReply reply;
    reply.error = error;
    REQUIRE(settle(batch_of(offers_of(told, 3)), std::move(reply)).empty());
    REQUIRE(told.count == 3);
    REQUIRE(told.error("1") == error);
  }
}

TEST_CASE("batch: what is refused without saying whose fault it is is split until it is alone",
          "[queue]") {
  Told told;
  std::vector<MultiBatch> to_send = batches_of(offers_of(told, 8));
  while (!to_send.empty()) {
    MultiBatch batch = std::move(to_send.back());
    to_send.pop_back();
    bool bad = false;
    for (const auto& operation : operations_of(batch)) bad = bad || operation.path == "/taken/5";
    MultiReply reply;
    if (bad) {
      reply.error = ZnodeError::BadArguments;
    } else {
      reply.results.resize(2 * batch.offers.size());
    }
    for (auto& more : settle(std::move(batch), std::move(reply))) {
      to_send.push_back(std::move(more));
    }
  }
  REQUIRE(told.count == 8);
  for (int i = 0; i < 8; ++i) {
    const auto expected = i == 5 ? ZnodeError::BadArguments : ZnodeError::Ok;
    REQUIRE(told.error(std::to_string(i)) == expected);
  }
}

TEST_CASE("batch: a crowd of failures costs few rounds", "[queue]") {
  Told told;
  std::set<std::string> locks;
  for (int i = 0; i < 50; i += 2) locks.insert(std::to_string(i));
  std::vector<MultiBatch> to_send = batches_of(offers_of(told, 50));
  int rounds = 0;
  while (!to_send.empty()) {
    ++rounds;
    std::vector<MultiBatch> next;
    for (MultiBatch& batch : to_send) {
      const auto operations = operations_of(batch);
      for (auto& again : settle(std::move(batch), answer_of(operations, locks))) {
        next.push_back(std::move(again));
      }
    }
    to_send = std::move(next);
  }
  REQUIRE(rounds <= 9);
  REQUIRE(told.count == 50);
  for (int i = 0; i < 50; ++i) {
    const auto expected = i % 2 == 0 ? ZnodeError::NodeExists : ZnodeError::Ok;
    REQUIRE(told.error(std::to_string(i)) == expected);
  }
}

TEST_CASE("senders: one begins a turn, few are at work, and more only for full batches",
          "[queue]") {
  Senders senders;
  REQUIRE(senders.may_begin(false));
  REQUIRE_FALSE(senders.may_begin(true));
  senders.began();
  REQUIRE(senders.may_begin(false));
  senders.began();
  REQUIRE_FALSE(senders.may_begin(false));
  for (std::size_t i = Senders::most; i < Senders::most_full; ++i) {
    REQUIRE(senders.may_begin(true));
    senders.began();
  }
  REQUIRE_FALSE(senders.may_begin(true));
  for (std::size_t i = Senders::most; i < Senders::most_full; ++i) senders.ended();
  REQUIRE_FALSE(senders.may_begin(false));
  senders.ended();
  REQUIRE(senders.may_begin(false));
}
