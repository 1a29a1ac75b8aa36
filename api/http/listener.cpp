#include "api/http/listener.hpp"

#include <thread>
#include <vector>

#include "api/http/lane.hpp"
#include "common/runtime/event.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::api::http {

using tcp = asio::ip::tcp;

struct Listener::State {
  asio::io_context& main_loop;
  ListenerShared shared;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::vector<std::thread> threads;
  // Shared with what the threads post to the main loop at their end: that may run after us.
  struct Ending {
    std::size_t running = 0;
    runtime::Event ended;
  };
  std::shared_ptr<Ending> ending = std::make_shared<Ending>();
  std::uint16_t port = 0;

  State(asio::io_context& loop, const ListenerOptions& wanted, Handler handle, Observer observe)
      : main_loop(loop), shared(wanted, std::move(handle), std::move(observe)) {}

  void listen() {
    const auto& options = shared.options;
    try {
      tcp::endpoint endpoint(asio::ip::make_address(options.address), options.port);
      for (int lane = 0; lane < options.threads; ++lane) {
        lanes.push_back(std::make_unique<Lane>(shared));
        endpoint = lanes.back()->listen(endpoint, lane == 0);
      }
      port = endpoint.port();
    } catch (const boost::system::system_error& failure) {
      throw runtime::Failure("cannot listen on " + options.address + ":" +
                             std::to_string(options.port) + ": " + failure.code().message());
    }
  }

  void start() {
    ending->running = lanes.size();
    for (auto& lane : lanes) {
      threads.emplace_back([this, running_lane = lane.get()] {
        running_lane->run();
        asio::post(main_loop, [all = ending] {
          if (--all->running == 0) all->ended.raise();
        });
      });
    }
  }
};

Listener::Listener(asio::io_context& main_loop, const ListenerOptions& options, Handler handler,
                   Observer observer)
    : state_(std::make_unique<State>(main_loop, options, std::move(handler), std::move(observer))) {
  state_->listen();
  state_->start();
}

Listener::~Listener() {
  for (auto& lane : state_->lanes) lane->cut();
  for (auto& thread : state_->threads) {
    if (thread.joinable()) thread.join();
  }
}

std::uint16_t Listener::port() const {
  return state_->port;
}

awaitable<void> Listener::stop(runtime::Duration grace) {
  for (auto& lane : state_->lanes) lane->drain();
  const bool in_time = co_await state_->ending->ended.wait_for(grace);
  if (!in_time) {
    for (auto& lane : state_->lanes) lane->cut();
    co_await state_->ending->ended.wait();
  }
  for (auto& thread : state_->threads) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace jobengine::api::http
