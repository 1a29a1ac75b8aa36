// The certificate and key the listener proves itself with, and TLS on a connection. OpenSSL behind
// it.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "api/http/transport.hpp"

namespace jobengine::api::http {

// [any thread]
class ServerCertificate {
 public:
  // PEM files; the certificate's may hold its chain behind it. Throws Failure naming the file and
  // what is wrong with it. A certificate that is not valid at this time is used, with a warning.
  ServerCertificate(std::string certificate_file, std::string key_file);
  ~ServerCertificate();
  ServerCertificate(const ServerCertificate&) = delete;
  ServerCertificate& operator=(const ServerCertificate&) = delete;

  // TLS 1.2 or newer on an accepted connection. Files that were replaced are read again for it,
  // at most every two seconds; if they cannot be used, that is logged and the ones before stay.
  std::unique_ptr<Transport> secure(asio::ip::tcp::socket socket);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jobengine::api::http
