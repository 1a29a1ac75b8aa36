// Raw bytes on a connection: the server answers with HTTP or closes, and serves others after it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "api/http/listener.hpp"
#include "tests/fuzz/promise.hpp"

using namespace jobengine;
using namespace jobengine::api;

namespace {

awaitable<http::Response> answer(http::Request request) {
  for (const auto& [name, value] : request.headers) {
    fuzz::must_hold(!name.empty() && name.find_first_of("ABCXYZ \r\n:") == std::string::npos,
                    "a header's name is in lower case", name);
    fuzz::must_hold(value.find_first_of("\r\n") == std::string::npos, "a header is one line",
                    value);
  }
  http::Response response;
  response.body = std::to_string(request.body.size());
  co_return response;
}

struct Server {
  asio::io_context loop;
  std::unique_ptr<http::Listener> listener;

  Server() {
    http::ListenerOptions options;
    options.header_limit = 2048;
    options.body_limit = 4096;
    options.idle_limit = std::chrono::seconds(3);
    options.request_limit = std::chrono::seconds(3);
    listener = std::make_unique<http::Listener>(loop, options, answer);
  }
};

// libFuzzer looks for hangs by an alarm, which would break it off.
bool connect_undisturbed(int connection, const sockaddr_in& place) {
  sigset_t alarm;
  sigset_t before;
  ::sigemptyset(&alarm);
  ::sigaddset(&alarm, SIGALRM);
  ::pthread_sigmask(SIG_BLOCK, &alarm, &before);
  const int result = ::connect(connection, reinterpret_cast<const sockaddr*>(&place), sizeof place);
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return result == 0;
}

// Sends all of it, says that nothing follows, and reads until the server closes.
std::string exchange(std::uint16_t port, std::string_view bytes) {
  const int connection = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(port);
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!connect_undisturbed(connection, place)) {
    fuzz::broken("the server takes connections", std::strerror(errno));
  }
  while (!bytes.empty()) {
    const auto sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  ::shutdown(connection, SHUT_WR);
  std::string answers;
  char piece[4096];
  while (true) {
    const auto got = ::recv(connection, piece, sizeof piece, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    answers.append(piece, static_cast<std::size_t>(got));
  }
  ::close(connection);
  return answers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Server server;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto answers = exchange(server.listener->port(), bytes);
  fuzz::must_hold(answers.empty() || answers.starts_with("HTTP/1."), "an answer is HTTP", answers);
  fuzz::must_hold(answers.find("HTTP/1.1 500") == std::string::npos, "no request fails", answers);
  static unsigned count = 0;
  if (++count % 64 == 0) {
    const auto others =
        exchange(server.listener->port(), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    fuzz::must_hold(others.starts_with("HTTP/1.1 200"), "others are served", others);
  }
  return 0;
}
