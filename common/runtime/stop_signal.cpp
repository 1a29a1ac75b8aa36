#include "common/runtime/stop_signal.hpp"

#include <boost/asio/signal_set.hpp>
#include <csignal>

namespace jobengine::runtime {

struct StopSignal::Signals {
  asio::signal_set set;
};

StopSignal::StopSignal(asio::io_context& loop)
    : signals_(new Signals{asio::signal_set(loop, SIGTERM, SIGINT)}) {
  listen();
}

StopSignal::~StopSignal() = default;

void StopSignal::listen() {
  auto received = [this](const boost::system::error_code& cancelled, int /*number*/) {
    if (cancelled) return;
    request();
    listen();
  };
  signals_->set.async_wait(received);
}

void StopSignal::request() {
  if (requested_.raised()) at_once_.raise();
  requested_.raise();
}

}  // namespace jobengine::runtime
