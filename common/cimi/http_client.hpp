// Single HTTP exchanges with one server. Short ones go over kept connections (http_connections.*);
// answers that are read as they come are cpprest's, which is behind this and included nowhere else.
#pragma once

#include <memory>
#include <string>

#include "common/cimi/http_exchange.hpp"
#include "common/runtime/asio.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::cimi {

// What is still to come of an answer. Lives on the loop; its destruction cuts the connection.
class HttpBody {
 public:
  struct Source;
  explicit HttpBody(std::shared_ptr<Source> source);
  ~HttpBody();
  HttpBody(const HttpBody&) = delete;
  HttpBody& operator=(const HttpBody&) = delete;

  // Answered: answer.body holds the next bytes, none when the body is complete. TooLate: the
  // deadline passed or `stop` was raised first; nothing is lost, it may be called again.
  awaitable<HttpOutcome> next(runtime::Event& stop, runtime::TimePoint deadline);

 private:
  std::shared_ptr<Source> source_;
};

struct HttpOpened {
  HttpOutcome outcome;             // with the whole body when there is none below
  std::shared_ptr<HttpBody> body;  // of an answer 200 of the wanted type
};

// Lives on the loop; the library's threads only post to it.
class HttpClient {
 public:
  // `base`: "http://127.0.0.1:8200". Answers larger than 64 MB are refused.
  HttpClient(asio::io_context& loop, const std::string& base, bool verify_tls);
  // Ends what is outstanding with TooLate.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Never throws for what the network does. Redirections are answers; cookies are the caller's.
  // What is sent again by itself: http_connections.hpp.
  awaitable<HttpOutcome> send(HttpMessage message, runtime::TimePoint deadline);
  // A request whose answer, when it is 200 of that content type, is read as it comes. On a
  // connection of its own. The deadline is that of the answer's header.
  awaitable<HttpOpened> open(HttpMessage message, std::string content_type,
                             runtime::TimePoint deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the coroutines of send()
};

}  // namespace jobengine::cimi
