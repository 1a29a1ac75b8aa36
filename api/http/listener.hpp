// The HTTP/1.1 server of job-api: connections, limits and timeouts. One event loop a thread, each
// with its own listening socket (SO_REUSEPORT); a connection stays on the thread that accepted it.
// The limits and what happens beyond them: docs/protocols/resource_api.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "api/http/request.hpp"
#include "api/http/response.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::api::http {

struct ListenerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: a free one
  int threads = 1;
  std::size_t header_limit = 16 * 1024;            // request line and headers; more: 431
  std::size_t body_limit = 1024 * 1024;            // more: 413
  std::string bulk_path;                           // a POST to it may be longer:
  std::size_t bulk_body_limit = 0;                 // up to this, if it is more
  std::chrono::milliseconds idle_limit{30000};     // between two requests
  std::chrono::milliseconds request_limit{10000};  // from its first byte to its last; more: 408
  // For an answer, beside the time its length takes at this rate: who reads slowly gets it whole,
  // who does not read is cut off.
  std::chrono::milliseconds write_limit{30000};
  std::size_t least_bytes_per_second = 64 * 1024;
  // Beyond that many, a new connection takes the place of one that is idle, or is told 503.
  std::size_t connection_limit = 20000;
  // What requests that are still arriving and answers that are still being read may hold together;
  // more: 503.
  std::size_t memory_limit = 256U * 1024 * 1024;
  // Texts of more than that are packed for clients that accept gzip; 0: never.
  std::size_t compress_above = 1024;
  // PEM files; with them, TLS.
  std::string certificate_file;
  std::string key_file;
};

// Called on the thread of the connection; suspends there and resumes there. What it throws is
// answered with 500.
using Handler = std::function<awaitable<Response>(Request)>;

// Told of each answer: method, status, seconds from the end of the request to the answer's start.
// [any thread]
using Observer = std::function<void(const std::string&, int, double)>;

// Lives on the main loop.
class Listener {
 public:
  // Starts the threads. Throws Failure naming address, port and reason when it cannot listen, or
  // the file of certificate or key and what is wrong with it.
  Listener(asio::io_context& main_loop, const ListenerOptions& options, Handler handler,
           Observer observer = {});
  ~Listener();  // after stop(), or before anything else runs

  std::uint16_t port() const;

  // Accepts no more, closes idle connections, lets busy ones answer (with Connection: close) for at
  // most `grace`, then cuts them. Returns when all threads have ended. Twice is fine.
  awaitable<void> stop(runtime::Duration grace);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jobengine::api::http
