#include "tests/servers/zookeeper_wire.hpp"

#include <boost/asio/read.hpp>

namespace jobengine::tests::wire {

void put(std::string& frame, std::int64_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) {
    frame.push_back(static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * i)));
  }
}

void put_text(std::string& frame, const std::string& text) {
  put(frame, static_cast<std::int64_t>(text.size()), 4);
  frame += text;
}

std::string framed(const std::string& body) {
  std::string frame;
  put_text(frame, body);
  return frame;
}

std::string connect_request(std::int64_t session_id, const std::string& password) {
  std::string body;
  put(body, 0, 4);      // protocol version
  put(body, 0, 8);      // last zxid seen
  put(body, 10000, 4);  // timeout
  put(body, session_id, 8);
  put_text(body, password);
  body.push_back(0);  // not read-only
  return body;
}

awaitable<std::string> receive_frame(asio::ip::tcp::socket& socket) {
  std::string size(4, '\0');
  const auto head = asio::buffer(size);
  co_await asio::async_read(socket, head, use_awaitable);
  std::size_t length = 0;
  for (const char byte : size) length = length << 8 | static_cast<unsigned char>(byte);
  std::string body(length, '\0');
  const auto rest = asio::buffer(body);
  co_await asio::async_read(socket, rest, use_awaitable);
  co_return body;
}

}  // namespace jobengine::tests::wire
