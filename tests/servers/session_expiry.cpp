#include "tests/servers/session_expiry.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <string>

#include "common/runtime/failure.hpp"
#include "tests/servers/zookeeper_wire.hpp"

namespace jobengine::tests {

namespace {

using asio::ip::tcp;

// Sixteen bytes of Java's generator Random, seeded with the id and the server's constant.
std::string password_of(std::int64_t session_id) {
  constexpr std::uint64_t server_secret = 0xB3415C00;
  constexpr std::uint64_t multiplier = 0x5DEECE66D;
  constexpr std::uint64_t mask = (std::uint64_t{1} << 48) - 1;
  std::uint64_t seed = (static_cast<std::uint64_t>(session_id) ^ server_secret ^ multiplier) & mask;
  std::string password;
  for (int word = 0; word < 4; ++word) {
    seed = (seed * multiplier + 0xB) & mask;
    const auto random = static_cast<std::uint32_t>(seed >> 16);
    for (int byte = 0; byte < 4; ++byte)
      password.push_back(static_cast<char>(random >> (8 * byte)));
  }
  return password;
}

enum class Attempt { Closed, NoSuchSession, Interrupted };

// The owner takes its session back as soon as it has lost it: both requests go out together.
awaitable<Attempt> try_to_close(std::uint16_t port, std::int64_t session_id) {
  auto loop = co_await asio::this_coro::executor;
  tcp::socket socket(loop);
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  const std::string connect = wire::connect_request(session_id, password_of(session_id));
  std::string close;
  wire::put(close, 1, 4);    // request id
  wire::put(close, -11, 4);  // close the session
  const std::string both = wire::framed(connect) + wire::framed(close);
  const auto bytes = asio::buffer(both);
  const std::string no_timeout(4, '\0');
  try {
    co_await socket.async_connect(endpoint, use_awaitable);
    co_await asio::async_write(socket, bytes, use_awaitable);
    const std::string accepted = co_await wire::receive_frame(socket);
    if (accepted.substr(4, 4) == no_timeout) co_return Attempt::NoSuchSession;
    co_await wire::receive_frame(socket);
    co_return Attempt::Closed;
  } catch (const boost::system::system_error&) {
    co_return Attempt::Interrupted;
  }
}

}  // namespace

awaitable<void> expire_session(std::uint16_t port, std::int64_t session_id) {
  constexpr int attempts = 50;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    const Attempt result = co_await try_to_close(port, session_id);
    if (result == Attempt::Closed || (result == Attempt::NoSuchSession && attempt > 0)) co_return;
    if (result == Attempt::NoSuchSession) throw runtime::Failure("no such session");
  }
  throw runtime::Failure("the session could not be closed");
}

}  // namespace jobengine::tests
