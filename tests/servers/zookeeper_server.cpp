#include "tests/servers/zookeeper_server.hpp"

#include <csignal>
#include <optional>

#include "common/runtime/event_loop.hpp"
#include "ctl/development/zookeeper_process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {

struct ZooKeeperServer::State {
  TemporaryDirectory directory;
  runtime::EventLoop loop;
  std::optional<development::ZooKeeperProcess> server;

  void start(std::uint16_t port) {
    auto program = [](State* self, std::uint16_t wanted) -> awaitable<void> {
      development::ZooKeeperOptions options;
      options.directory = self->directory.path().string();
      options.port = wanted;
      options.tick = std::chrono::milliseconds(200);
      auto started = co_await development::ZooKeeperProcess::start(std::move(options));
      self->server.emplace(std::move(started));
    };
    loop.run(program(this, port));
  }
};

ZooKeeperServer& ZooKeeperServer::shared() {
  static ZooKeeperServer server;
  return server;
}

ZooKeeperServer::ZooKeeperServer() : state_(std::make_unique<State>()) {
  state_->start(0);
  port_ = state_->server->port();
  hosts_ = state_->server->hosts();
}

ZooKeeperServer::~ZooKeeperServer() = default;

std::string ZooKeeperServer::fresh_chroot() {
  return hosts_ + "/test-" + std::to_string(++fresh_);
}

void ZooKeeperServer::freeze() {
  state_->server->process().signal(SIGSTOP);
}
void ZooKeeperServer::thaw() {
  state_->server->process().signal(SIGCONT);
}

void ZooKeeperServer::kill() {
  state_->server.reset();
}
void ZooKeeperServer::restart() {
  state_->start(port_);
}

}  // namespace jobengine::tests
