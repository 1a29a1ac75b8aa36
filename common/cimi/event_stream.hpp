// Changes of resources as the server tells of them, instead of asking again and again.
#pragma once

#include <memory>
#include <string>

#include "common/cimi/event_parser.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::cimi {

struct StreamStep {
  enum class Kind {
    Event,
    Ended,    // by the server, in good order
    Broken,   // the connection failed, or nothing came for longer than the server keeps quiet
    Stopped,  // `stop` was raised
  };
  Kind kind = Kind::Broken;
  ServerEvent event;    // of Event
  std::string failure;  // of Broken, for people
};

// Lives on the loop. Its destruction closes the connection. The client must outlive it.
class EventStream {
 public:
  virtual ~EventStream() = default;
  // One call at a time. After anything but an Event the stream is over.
  virtual awaitable<StreamStep> next(runtime::Event& stop) = 0;
};

}  // namespace jobengine::cimi
