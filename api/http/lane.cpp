#include "api/http/lane.hpp"

#include <cerrno>

#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api::http {
namespace {

using boost::system::error_code;
using tcp = asio::ip::tcp;

// Deadlines are looked at this often by one timer a thread: cheaper than two timer operations a
// request.
constexpr auto sweep_interval = std::chrono::milliseconds(200);

// "127.0.0.1" also where it came as "::ffff:127.0.0.1".
std::string address_of(const tcp::endpoint& peer) {
  const auto address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

}  // namespace

Lane::Lane(const ListenerOptions& options, const Handler& handler, const Observer& observer)
    : acceptor_(loop_), sweep_(loop_), rules_{options, handler, observer, {}, false} {}

tcp::endpoint Lane::listen(const tcp::endpoint& endpoint, bool first) {
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(asio::socket_base::reuse_address(true));
  if (!first) share_port();
  acceptor_.bind(endpoint);
  if (first) share_port();
  acceptor_.listen(1024);
  return acceptor_.local_endpoint();
}

void Lane::share_port() {
  const int yes = 1;
  if (::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0) {
    throw boost::system::system_error(errno, boost::system::system_category());
  }
}

void Lane::run() {
  // Neither can fail but for want of memory; a server that went deaf would be worse than none.
  const auto must_not_fail = [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  };
  asio::co_spawn(loop_, accept(), must_not_fail);
  asio::co_spawn(loop_, sweep(), must_not_fail);
  loop_.run();
}

void Lane::drain() {
  asio::post(loop_, [this] {
    rules_.draining = true;
    error_code ignored;
    acceptor_.close(ignored);
    for (auto& connection : connections_) connection.drain();
    if (connections_.empty()) sweep_.cancel();
  });
}

void Lane::cut() {
  drain();
  asio::post(loop_, [this] {
    for (auto& connection : connections_) connection.cut();
  });
}

awaitable<void> Lane::accept() {
  while (!rules_.draining) {
    error_code failure;
    auto token = asio::redirect_error(use_awaitable, failure);
    tcp::endpoint peer;
    auto socket = co_await acceptor_.async_accept(peer, token);
    if (rules_.draining) break;
    if (!failure) {
      take_in(std::move(socket), peer);
      continue;
    }
    // Out of descriptors or memory: the sweep's rhythm is a fair pause.
    asio::steady_timer pause(loop_, sweep_interval);
    error_code ignored;
    auto pause_token = asio::redirect_error(use_awaitable, ignored);
    co_await pause.async_wait(pause_token);
  }
}

void Lane::take_in(tcp::socket socket, const tcp::endpoint& peer) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  const auto place = connections_.emplace(connections_.end(), plain_transport(std::move(socket)),
                                          address_of(peer), rules_);
  asio::co_spawn(loop_, place->serve(), [this, place](const std::exception_ptr& ended_with) {
    take_out(place, ended_with);
  });
}

void Lane::take_out(std::list<Connection>::iterator place, const std::exception_ptr& ended_with) {
  if (ended_with) {
    telemetry::error("a connection failed", {{"error", runtime::describe(ended_with)}});
  }
  connections_.erase(place);
  if (rules_.draining && connections_.empty()) sweep_.cancel();
}

awaitable<void> Lane::sweep() {
  while (!rules_.draining || !connections_.empty()) {
    sweep_.expires_after(sweep_interval);
    error_code ignored;
    auto token = asio::redirect_error(use_awaitable, ignored);
    co_await sweep_.async_wait(token);
    const auto now = runtime::Clock::now();
    for (auto& connection : connections_) connection.sweep(now);
  }
}

}  // namespace jobengine::api::http
