// The body of an answer that is sent while it comes into being: chunked, and watched for a client
// that goes away while there is nothing to send.
#pragma once

#include "api/http/response.hpp"
#include "api/http/response_head.hpp"
#include "api/http/transport.hpp"

namespace jobengine::api::http {

// Lives on the connection's loop, as long as the answer.
class AnswerStream final : public BodyStream {
 public:
  AnswerStream(Transport& transport, Exchange exchange, WritePace pace);

  awaitable<bool> send(std::string bytes) override;
  runtime::Event& over() override { return over_; }

  // Starts to look for the client's end. Must be followed by end().
  awaitable<void> watch();
  // Completes the body if it is whole, gives the client time to read it (not at a stop), and stops
  // to watch.
  awaitable<void> end(bool whole);
  // The server stops: nothing more is sent but the end of the body.
  void stop();

 private:
  awaitable<void> watch_client();

  Transport& transport_;
  const Exchange exchange_;
  const WritePace pace_;
  bool broken_ = false;  // nothing can be sent any more, not even the end
  bool stopped_ = false;
  runtime::Event over_;
  runtime::Event unwatched_;
};

}  // namespace jobengine::api::http
