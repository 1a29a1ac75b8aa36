#include "tests/servers/node_permissions.hpp"

#include <boost/asio/write.hpp>

#include "common/runtime/failure.hpp"
#include "tests/servers/zookeeper_wire.hpp"

namespace jobengine::tests {

namespace {

std::string permit_request(const std::string& path, Permissions permissions) {
  std::string body;
  wire::put(body, 1, 4);  // request id
  wire::put(body, 7, 4);  // set the ACL
  wire::put_text(body, path);
  wire::put(body, 1, 4);  // one rule
  wire::put(body, static_cast<std::int64_t>(permissions), 4);
  wire::put_text(body, "world");
  wire::put_text(body, "anyone");
  wire::put(body, -1, 4);  // whatever version the ACL has
  return body;
}

}  // namespace

awaitable<void> permit(std::uint16_t port, std::string path, Permissions permissions) {
  auto loop = co_await asio::this_coro::executor;
  asio::ip::tcp::socket socket(loop);
  const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  co_await socket.async_connect(endpoint, use_awaitable);
  const std::string nobody(16, '\0');
  const std::string connect = wire::connect_request(0, nobody);
  std::string close;
  wire::put(close, 2, 4);    // request id
  wire::put(close, -11, 4);  // close the session
  const std::string requests =
      wire::framed(connect) + wire::framed(permit_request(path, permissions)) + wire::framed(close);
  const auto bytes = asio::buffer(requests);
  co_await asio::async_write(socket, bytes, use_awaitable);
  co_await wire::receive_frame(socket);
  const std::string answer = co_await wire::receive_frame(socket);
  // Request id, zxid, error.
  constexpr std::size_t error_at = 12;
  const std::string no_error(4, '\0');
  if (answer.size() < error_at + 4 || answer.substr(error_at, 4) != no_error) {
    throw runtime::Failure("the permissions of " + path + " could not be set");
  }
}

}  // namespace jobengine::tests
