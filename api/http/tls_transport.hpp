// A connection over TLS, driven by OpenSSL on the socket itself.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "api/http/transport.hpp"

namespace jobengine::api::http {

class TlsTransport final : public Transport {
 public:
  // Takes a reference to the context. Throws std::bad_alloc.
  TlsTransport(asio::ip::tcp::socket socket, SSL_CTX* context);

  void end_sending() override;
  bool is_secure() const override { return true; }

 protected:
  Transfer try_open() override;
  Transfer try_receive(char* room, std::size_t size) override;
  Transfer try_send(std::string_view first, std::string_view second) override;
  bool holds_input() override { return SSL_has_pending(ssl_.get()) == 1; }
  void say_goodbye() override;

 private:
  Transfer failed(int result);
  Transfer send_piece(std::string_view piece);
  void refuse_plain_http();

  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::unique_ptr<SSL, Free> ssl_;
  bool usable_ = false;  // opened, and not failed since
};

}  // namespace jobengine::api::http
