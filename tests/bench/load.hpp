// HTTP requests on kept connections, as fast as the server answers them, and how long each took.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/runtime/asio.hpp"

namespace jobengine::bench {

struct Load {
  std::uint16_t port = 0;
  int connections = 1;
  runtime::Duration length = std::chrono::seconds(3);
  std::size_t most_requests = 0;  // 0: as many as there is time for
  double per_second = 0;          // requests, sent evenly; 0: as fast as they are answered
  // The bytes of the n-th request; called on one thread.
  std::function<std::string(std::size_t n)> request;
};

struct LoadResult {
  std::size_t answered = 0;
  std::size_t refused = 0;  // of those: with a status of 400 or more
  double seconds = 0;
  std::vector<double> milliseconds;  // of each, sorted
  std::string first_refusal;         // its body
  std::string last_body;

  double per_second() const { return seconds > 0 ? static_cast<double>(answered) / seconds : 0; }
  double quantile(double q) const;
};

// One request after the other on each connection. Throws when the server goes away.
LoadResult run_load(const Load& load);

// "GET /api/job/1 HTTP/1.1 …", as an administrator whom --trust-authn-header believes.
std::string request_text(const std::string& method, const std::string& target,
                         const std::string& body = {});

// Of a process, in seconds since it began; and its memory.
double cpu_seconds(int pid);
long resident_kb(int pid);

}  // namespace jobengine::bench
