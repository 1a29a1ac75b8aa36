// A contender on a session of its own: one process, as far as ZooKeeper can tell.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include "common/election/election.hpp"
#include "common/runtime/task_group.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "tests/fakes/faulty_session.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {

inline const std::string election_path = "/election/usage_report";

class Contender {
 public:
  Contender(asio::io_context& loop, const std::string& hosts, const std::string& name)
      : campaigns_(loop.get_executor()) {
    auto options = zookeeper::parse_hosts({hosts});
    options.timeout = std::chrono::seconds(2);
    real = zookeeper::make_session(loop, options);
    session = std::make_unique<FaultySession>(*real);
    election = std::make_unique<election::Election>(*session, election_path, name);
  }

  void stand() {
    auto lead = [this](election::Leadership term, runtime::Event& over) -> awaitable<void> {
      return serve(std::move(term), over);
    };
    campaigns_.spawn(election->campaign(lead, stop));
  }
  awaitable<void> resign() {
    stop.raise();
    return campaigns_.join();
  }
  awaitable<bool> leads_soon() {
    return eventually([this] { return leading; });
  }
  awaitable<void> leave() {
    co_await resign();
    co_await real->close();
  }

  std::unique_ptr<zookeeper::Session> real;
  std::unique_ptr<FaultySession> session;
  std::unique_ptr<election::Election> election;
  runtime::Event stop;
  bool leading = false;
  int terms = 0;
  int failures_to_come = 0;  // terms that are to end with an exception
  bool held_when_over = false;

 private:
  awaitable<void> serve(election::Leadership term, runtime::Event& over) {
    ++terms;
    if (failures_to_come > 0) {
      --failures_to_come;
      throw std::runtime_error("the distribution failed");
    }
    leading = true;
    co_await over.wait();
    held_when_over = election->holds(term);
    leading = false;
  }

  runtime::TaskGroup campaigns_;
};

}  // namespace jobengine::tests
