// An answer as the rest of job-api makes it.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/runtime/asio.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::api::http {

// The body of an answer that is sent while it comes into being. Used on the connection's loop only.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  // Sends these bytes now; returns when the system has taken them. False: nothing more will arrive
  // (the client is gone or does not read, or the server stops): end then.
  virtual awaitable<bool> send(std::string bytes) = 0;
  // Raised when nothing more will arrive, also while nothing is sent: to be waited for beside
  // whatever the stream waits for.
  virtual runtime::Event& over() = 0;
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  // When set, `body` is left out: called once the header is on its way, on the connection's loop;
  // the answer ends when it returns, and the connection with it.
  std::function<awaitable<void>(BodyStream&)> stream;
};

}  // namespace jobengine::api::http
