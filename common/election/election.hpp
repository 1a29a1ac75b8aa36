// kazoo's Lock/Election: the lowest sequence under <path> leads, each contender watches its
// predecessor only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/election/leadership.hpp"
#include "common/runtime/event.hpp"
#include "common/zookeeper/session.hpp"

namespace jobengine::election {

// Lives on the loop. The session must outlive it.
class Election {
 public:
  // `path`: "/election/<distribution name>"; `identifier`: the data of our node, a name for people.
  Election(zookeeper::Session& session, std::string path, std::string identifier);

  // Runs `lead` whenever we lead, again and again, until `stop` is raised; then gives leadership up
  // (our node is deleted) and returns. `lead` must return soon after `over` was raised; `over` is
  // raised when `stop` is, when the session is lost, and in time before the lease ends, so that no
  // successor can be leading while `lead` still works. What `lead` throws ends this leadership: the
  // node is deleted, and after a back-off we stand again.
  using Lead = std::function<awaitable<void>(Leadership term, runtime::Event& over)>;
  awaitable<void> campaign(Lead lead, runtime::Event& stop);

  // May the leader still act? Same epoch and lease valid.
  bool holds(const Leadership& term) const;

  // The identifiers of all contenders, leader first. Throws Failure when ZooKeeper refuses.
  awaitable<std::vector<std::string>> contenders();

 private:
  awaitable<std::optional<Leadership>> win(runtime::Event& stop);
  awaitable<void> make_folder(runtime::Event& stop);
  awaitable<bool> stand(runtime::Event& stop, zookeeper::Epoch epoch);
  awaitable<std::string> own_node(std::vector<std::string> names, runtime::Event& stop);
  awaitable<bool> wait_behind(std::string predecessor, runtime::Event& stop);
  awaitable<bool> serve(const Lead& lead, Leadership term, runtime::Event& stop);
  awaitable<void> withdraw(runtime::Event& stop);

  zookeeper::Session& session_;
  std::string path_;
  std::string identifier_;
  std::string prefix_;  // "<32 hex>__lock__", ours alone: how we recognise a node whose create was
                        // not answered
};

}  // namespace jobengine::election
