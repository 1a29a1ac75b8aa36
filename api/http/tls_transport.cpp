#include "api/http/tls_transport.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <new>

namespace jobengine::api::http {
namespace {

using boost::system::error_code;

constexpr std::size_t record = 16 * 1024;
// Sent at once to who reads quickly; then others get their turn.
constexpr std::size_t turn = 16 * record;

constexpr std::string_view plain_http_answer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 54\r\n"
    "Connection: close\r\n\r\n"
    R"({"status":400,"message":"this port is for HTTPS only"})";

}  // namespace

TlsTransport::TlsTransport(asio::ip::tcp::socket socket, SSL_CTX* context)
    : Transport(std::move(socket)), ssl_(SSL_new(context)) {
  if (!ssl_ || SSL_set_fd(ssl_.get(), this->socket().native_handle()) != 1) throw std::bad_alloc();
  SSL_set_accept_state(ssl_.get());
}

Transport::Transfer TlsTransport::failed(int result) {
  const int reason = SSL_get_error(ssl_.get(), result);
  if (reason == SSL_ERROR_WANT_READ) return {Outcome::WaitToRead, 0};
  if (reason == SSL_ERROR_WANT_WRITE) return {Outcome::WaitToWrite, 0};
  if (reason != SSL_ERROR_ZERO_RETURN) usable_ = false;
  return {Outcome::Ended, 0};
}

Transport::Transfer TlsTransport::try_open() {
  // A closed socket's number may be another's by now.
  if (!socket().is_open()) return {Outcome::Ended, 0};
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    usable_ = true;
    return {Outcome::Done, 0};
  }
  const auto transfer = failed(result);
  if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) refuse_plain_http();
  return transfer;
}

// What the client has sent is read first: closing with unread data would reset the connection and
// take the answer with it.
void TlsTransport::refuse_plain_http() {
  std::array<char, record> room{};
  error_code failure;
  // Who never ends loses the answer, and keeps nobody waiting.
  for (std::size_t read = 0; read < turn && !failure;) {
    read += socket().read_some(asio::buffer(room), failure);
  }
  failure = {};
  socket().write_some(asio::buffer(plain_http_answer), failure);
}

Transport::Transfer TlsTransport::try_receive(char* room, std::size_t size) {
  if (!socket().is_open()) return {Outcome::Ended, 0};
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(ssl_.get(), room, size, &count);
  if (result == 1) return {Outcome::Done, count};
  return failed(result);
}

Transport::Transfer TlsTransport::send_piece(std::string_view piece) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_write_ex(ssl_.get(), piece.data(), piece.size(), &count);
  if (result == 1) return {Outcome::Done, count};
  return failed(result);
}

// After a wait the same bytes are offered again, as OpenSSL wants it: the caller moves on only past
// what was sent.
Transport::Transfer TlsTransport::try_send(std::string_view first, std::string_view second) {
  if (!socket().is_open()) return {Outcome::Ended, 0};
  std::size_t sent = 0;
  if (!first.empty()) {
    // One record for both: head and body of a short answer leave in one packet.
    std::array<char, record> together{};
    const auto of_first = std::min(first.size(), together.size());
    const auto of_second = std::min(second.size(), together.size() - of_first);
    std::copy_n(first.data(), of_first, together.data());
    std::copy_n(second.data(), of_second, together.data() + of_first);
    const auto transfer = send_piece({together.data(), of_first + of_second});
    if (transfer.outcome != Outcome::Done || transfer.bytes < first.size()) return transfer;
    sent = transfer.bytes;
    second.remove_prefix(sent - first.size());
  }
  while (!second.empty() && sent < turn) {
    const auto transfer = send_piece(second.substr(0, record));
    if (transfer.outcome != Outcome::Done)
      return sent > 0 ? Transfer{Outcome::Done, sent} : transfer;
    sent += transfer.bytes;
    second.remove_prefix(transfer.bytes);
  }
  return {Outcome::Done, sent};
}

void TlsTransport::say_goodbye() {
  if (!usable_ || !socket().is_open()) return;
  usable_ = false;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

void TlsTransport::end_sending() {
  say_goodbye();
  Transport::end_sending();
}

}  // namespace jobengine::api::http
