// HTTP over TLS, byte by byte.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>

namespace jobengine::tests {

class TlsWire {
 public:
  struct Session {
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  };
  using SessionPointer = std::unique_ptr<SSL_SESSION, Session>;

  // Speaks no newer version than that; `resumed` may be what an earlier one got.
  explicit TlsWire(std::uint16_t port, int newest_version = TLS1_3_VERSION,
                   SSL_SESSION* resumed = nullptr);
  ~TlsWire();
  TlsWire(const TlsWire&) = delete;
  TlsWire& operator=(const TlsWire&) = delete;

  bool open() const { return open_; }  // the handshake succeeded
  // The certificate the server showed, in PEM form.
  std::string certificate() const;
  bool resumed() const { return SSL_session_reused(ssl_) == 1; }
  SessionPointer session() const { return SessionPointer(SSL_get1_session(ssl_)); }

  bool send(const std::string& bytes);
  // Until that text came, or the end.
  std::string read_until(const std::string& text);
  // Everything until the other side closes; nothing comes within a minute: what came so far.
  std::string read_all();
  // The other side said goodbye before it closed.
  bool ended_well() const { return ended_well_; }

 private:
  bool read_some(std::string& received);

  int socket_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  bool open_ = false;
  bool ended_well_ = false;
};

}  // namespace jobengine::tests
