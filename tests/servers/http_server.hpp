// A real HTTP server whose answers the test scripts, with the bad manners of real servers.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/runtime/asio.hpp"

namespace jobengine::tests {

struct HttpReceived {
  std::string method;
  std::string target;
  std::string body;
  std::map<std::string, std::string> headers;  // names in lower case
  int connection = 0;                          // the how many-th this server accepted, from 1

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

struct HttpScripted {
  enum class Manner {
    Answer,
    AnswerAndClose,  // keeps quiet about closing, as servers that limit idle time do
    Drop,            // reads the request and closes without an answer
    Hold,            // never answers
    CutOff,          // half of the answer, then closes
  };
  int status = 200;
  std::string body = "{}";
  std::vector<std::pair<std::string, std::string>> headers;
  Manner manner = Manner::Answer;
  std::chrono::milliseconds delay{0};
};

// Lives on the loop of the test.
class HttpServer {
 public:
  using Script = std::function<HttpScripted(const HttpReceived&)>;
  HttpServer(asio::io_context& loop, Script script);
  // Over TLS, with this certificate and key (PEM).
  struct Tls {
    std::string certificate;
    std::string key;
  };
  HttpServer(asio::io_context& loop, Script script, const Tls& tls);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const;  // "http://127.0.0.1:<port>", with TLS "https:…"
  const std::vector<HttpReceived>& received() const;
  int connections() const;  // accepted so far
  // Closes every connection; those with a request under way get no answer.
  void close_connections();
  // To be awaited before destruction.
  awaitable<void> stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// A fresh self-signed certificate for 127.0.0.1, from yesterday until in `seconds_left` seconds.
HttpServer::Tls self_signed_certificate(long seconds_left = 24L * 3600);

}  // namespace jobengine::tests
