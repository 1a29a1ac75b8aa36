#include "tests/integration/api/wire.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

namespace jobengine::tests {

Wire::Wire(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

Wire::~Wire() {
  ::close(socket_);
}

bool Wire::send(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const auto count = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

void Wire::end_sending() {
  ::shutdown(socket_, SHUT_WR);
}

bool Wire::read_some(std::string& received) {
  pollfd wanted{socket_, POLLIN, 0};
  if (::poll(&wanted, 1, 60000) != 1) FAIL("no answer within a minute; so far: " << received);
  std::array<char, 4096> piece{};
  const auto count = ::recv(socket_, piece.data(), piece.size(), 0);
  if (count <= 0) return false;
  received.append(piece.data(), static_cast<std::size_t>(count));
  return true;
}

std::string Wire::read_all() {
  std::string received;
  while (read_some(received)) {
  }
  return received;
}

std::string Wire::read_until(const std::string& text) {
  std::string received;
  while (received.find(text) == std::string::npos && read_some(received)) {
  }
  return received;
}

std::string converse(std::uint16_t port, const std::string& bytes) {
  Wire wire(port);
  wire.send(bytes);
  return wire.read_all();
}

}  // namespace jobengine::tests
