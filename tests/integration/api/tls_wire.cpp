#include "tests/integration/api/tls_wire.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

namespace jobengine::tests {

TlsWire::TlsWire(std::uint16_t port, int newest_version, SSL_SESSION* resumed)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      context_(SSL_CTX_new(TLS_client_method())),
      ssl_(SSL_new(context_)) {
  const timeval limit{60, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  // The client would not offer what the system holds for too old.
  SSL_set_security_level(ssl_, 0);
  SSL_set_min_proto_version(ssl_, TLS1_VERSION);
  SSL_set_max_proto_version(ssl_, newest_version);
  if (resumed != nullptr) SSL_set_session(ssl_, resumed);
  SSL_set_fd(ssl_, socket_);
  open_ = SSL_connect(ssl_) == 1;
}

TlsWire::~TlsWire() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  ::close(socket_);
}

std::string TlsWire::certificate() const {
  const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(ssl_),
                                                          &X509_free);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> memory(BIO_new(BIO_s_mem()), &BIO_free_all);
  if (!shown || PEM_write_bio_X509(memory.get(), shown.get()) != 1) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

bool TlsWire::send(const std::string& bytes) {
  return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) ==
         static_cast<int>(bytes.size());
}

bool TlsWire::read_some(std::string& received) {
  std::array<char, 16384> piece{};
  const int count = SSL_read(ssl_, piece.data(), static_cast<int>(piece.size()));
  if (count > 0) received.append(piece.data(), static_cast<std::size_t>(count));
  ended_well_ = SSL_get_error(ssl_, count) == SSL_ERROR_ZERO_RETURN;
  return count > 0;
}

std::string TlsWire::read_until(const std::string& text) {
  std::string received;
  while (received.find(text) == std::string::npos && read_some(received)) {
  }
  return received;
}

std::string TlsWire::read_all() {
  std::string received;
  while (read_some(received)) {
  }
  return received;
}

}  // namespace jobengine::tests
