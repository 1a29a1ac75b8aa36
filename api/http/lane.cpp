#include "api/http/lane.hpp"

#include <array>
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

constexpr std::string_view turned_away =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 47\r\n"
    "Retry-After: 1\r\nConnection: close\r\n\r\n"
    R"({"status":503,"message":"too many connections"})";

// "127.0.0.1" also where it came as "::ffff:127.0.0.1".
std::string address_of(const tcp::endpoint& peer) {
  const auto address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

}  // namespace

Lane::Lane(ListenerShared& shared)
    : acceptor_(loop_), sweep_(loop_), rules_{shared, {}, {}, false} {}

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
      try {
        take_in(std::move(socket), peer);
      } catch (const std::exception& trouble) {
        telemetry::error("a connection cannot be taken", {{"error", trouble.what()}});
      }
      continue;
    }
    // Out of descriptors or memory. An idle connection is worth less than a new one; when there is
    // none, the sweep's rhythm is a fair pause.
    if (give_up_an_idle_one()) {
      co_await asio::post(loop_, use_awaitable);
      continue;
    }
    asio::steady_timer pause(loop_, sweep_interval);
    error_code ignored;
    auto pause_token = asio::redirect_error(use_awaitable, ignored);
    co_await pause.async_wait(pause_token);
  }
}

void Lane::take_in(tcp::socket socket, const tcp::endpoint& peer) {
  auto& shared = rules_.shared;
  if (shared.connections >= shared.options.connection_limit && !give_up_an_idle_one()) {
    turn_away(std::move(socket));
    return;
  }
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto transport = shared.certificate ? shared.certificate->secure(std::move(socket))
                                      : plain_transport(std::move(socket));
  const auto place =
      connections_.emplace(connections_.end(), std::move(transport), address_of(peer), rules_);
  ++shared.connections;
  asio::co_spawn(loop_, place->serve(), [this, place](const std::exception_ptr& ended_with) {
    take_out(place, ended_with);
  });
}

// The one that has been idle longest ends; false when all are busy.
bool Lane::give_up_an_idle_one() {
  if (rules_.idle.empty()) return false;
  auto& oldest = rules_.idle.front();
  rules_.idle.pop_front();
  oldest.give_up();
  return true;
}

// Never waits: that would keep what there is too much of. A request that is there already is read,
// or the answer would be lost in a reset connection.
void Lane::turn_away(tcp::socket socket) {
  if (rules_.shared.observer) rules_.shared.observer("-", 503, 0.0);
  if (rules_.shared.certificate) return;
  error_code failure;
  socket.non_blocking(true, failure);
  std::array<char, 4096> room{};
  socket.read_some(asio::buffer(room), failure);
  socket.write_some(asio::buffer(turned_away), failure);
  socket.shutdown(tcp::socket::shutdown_both, failure);
}

void Lane::take_out(std::list<Connection>::iterator place, const std::exception_ptr& ended_with) {
  if (ended_with) {
    telemetry::error("a connection failed", {{"error", runtime::describe(ended_with)}});
  }
  connections_.erase(place);
  --rules_.shared.connections;
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
