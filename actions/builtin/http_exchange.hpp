// One HTTP request over TCP or TLS, blocking but stoppable. libcurl stays behind this header.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace jobengine::actions {

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http or https, also after redirects
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool has_body = false;
  bool follow_redirects = true;
  std::chrono::milliseconds timeout{60000};  // for all of it
  std::size_t most_bytes = 1 << 20;          // of the answer's body
};

struct HttpAnswer {
  int status = 0;
  std::string url;  // where it came from in the end
  std::string body;
  std::chrono::milliseconds duration{0};
};

// There is no answer; the text says why.
class HttpFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The exchange was broken off because a stop was requested.
class HttpStopped : public HttpFailure {
 public:
  using HttpFailure::HttpFailure;
};

// Throws HttpFailure when there is no answer, when it is larger than allowed or takes too long, and
// HttpStopped as soon as `stop_descriptor` becomes readable.
HttpAnswer http_exchange(const HttpRequest& request, int stop_descriptor);

}  // namespace jobengine::actions
