// A session that passes everything on to a real one, except for the answers a test wants lost.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/zookeeper/session.hpp"

namespace jobengine::tests {

enum class Call { Create, Get, Set, Exists, Children, Remove, Multi, Sync };
enum class Lost {
  Answer,   // the server does it, the answer does not arrive
  Request,  // the server never hears of it
};

// Lives on the loop. The real session must outlive it; closing this one closes that.
class FaultySession final : public zookeeper::Session {
 public:
  explicit FaultySession(zookeeper::Session& real) : real_(real) {}

  // The next call of the kind ends with ConnectionLoss; several add up, in order.
  void lose_next(Call call, Lost lost) { faults_.emplace_back(call, lost); }
  // Right before the next call of the kind is sent, `act` may send something else.
  void before_next(Call call, std::function<void(zookeeper::Session&)> act) {
    acts_.emplace_back(call, std::move(act));
  }
  std::size_t calls(Call call) const { return counts_[static_cast<std::size_t>(call)]; }

  awaitable<zookeeper::CreateReply> create(std::string path, std::string data,
                                           zookeeper::CreateMode mode) override;
  awaitable<zookeeper::DataReply> get(std::string path, zookeeper::Watch on_change) override;
  awaitable<zookeeper::StatReply> set(std::string path, std::string data,
                                      std::int32_t version) override;
  awaitable<zookeeper::StatReply> exists(std::string path, zookeeper::Watch on_change) override;
  awaitable<zookeeper::ChildrenReply> children(std::string path,
                                               zookeeper::Watch on_change) override;
  awaitable<zookeeper::ZnodeError> remove(std::string path, std::int32_t version) override;
  awaitable<zookeeper::MultiReply> multi(std::vector<zookeeper::Operation> operations,
                                         zookeeper::Epoch only_in) override;
  awaitable<zookeeper::ZnodeError> sync(std::string path) override;

  zookeeper::SessionState state() const override { return real_.state(); }
  zookeeper::Epoch epoch() const override { return real_.epoch(); }
  std::int64_t session_id() const override { return real_.session_id(); }
  zookeeper::SessionCredentials credentials() const override { return real_.credentials(); }
  std::chrono::milliseconds timeout() const override { return real_.timeout(); }
  zookeeper::LeaseTime lease_valid_until() const override { return real_.lease_valid_until(); }
  awaitable<bool> connected(runtime::TimePoint deadline) override {
    return real_.connected(deadline);
  }
  Subscription subscribe(Listener listener) override {
    return real_.subscribe(std::move(listener));
  }
  awaitable<void> close() override { return real_.close(); }

 private:
  template <class Reply, class Send>
  awaitable<Reply> pass(Call call, Send send);

  zookeeper::Session& real_;
  std::vector<std::pair<Call, Lost>> faults_;
  std::vector<std::pair<Call, std::function<void(zookeeper::Session&)>>> acts_;
  std::vector<std::size_t> counts_ = std::vector<std::size_t>(8);
};

}  // namespace jobengine::tests
