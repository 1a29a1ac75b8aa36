// Kept connections to one server, and the requests on them: everything on the loop, but for the
// lookup of names.
#pragma once

#include <memory>
#include <string>

#include "common/cimi/http_exchange.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::cimi {

// Requests under way at a time; more wait for their turn, in order. Edits have connections of their
// own, as many as everything else together: no search and no operation that takes its time is in
// the way of a job's state.
constexpr std::size_t most_requests_of_a_lane = 32;

// Lives on the loop.
class HttpConnections {
 public:
  // `base`: "https://host:port", a valid one. Throws runtime::Failure when there is no TLS.
  HttpConnections(asio::io_context& loop, const std::string& base, bool verify_tls);
  // Ends what is outstanding with TooLate.
  ~HttpConnections();
  HttpConnections(const HttpConnections&) = delete;
  HttpConnections& operator=(const HttpConnections&) = delete;

  // Never throws for what the network does. Other methods than POST are sent again, once, when a
  // connection that was used before ends without a byte of an answer; a POST only when it was not
  // sent completely.
  awaitable<HttpOutcome> send(HttpMessage message, runtime::TimePoint deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the coroutines of send()
};

}  // namespace jobengine::cimi
