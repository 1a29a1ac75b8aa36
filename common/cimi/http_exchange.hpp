// One HTTP exchange, as its caller and its makers see it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/cimi/reply.hpp"

namespace jobengine::cimi {

constexpr std::size_t largest_answer = 64UL * 1024 * 1024;

struct HttpMessage {
  std::string method;
  std::string target;  // "/api/job?last=1", encoded
  std::string body;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;
};

// What is known of an exchange that has no answer.
enum class Exchange {
  Answered,
  NotSent,  // no connection, or it broke before the request was complete
  Unknown,  // sent, and no usable answer
  TooLate,  // the deadline passed, or the client was closed
};

struct HttpOutcome {
  Exchange exchange = Exchange::Unknown;
  HttpAnswer answer;    // of Answered
  std::string failure;  // of all others
};

}  // namespace jobengine::cimi
