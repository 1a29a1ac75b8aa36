// One client that is told of changes as they are committed: server-sent events on one connection.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/access/identity.hpp"
#include "api/events/backlog.hpp"
#include "api/events/hub.hpp"
#include "api/http/response.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::api::events {

struct StreamOptions {
  // A comment is sent when nothing else was for this long; the session is looked at again then.
  std::chrono::milliseconds heartbeat{15000};
  // How long a client that was cut off waits before it comes back.
  std::chrono::milliseconds retry{2000};
  // Events on their way to a client that does not read.
  std::size_t most_backlog_bytes = 256 * 1024;
  std::size_t most_snapshot_rows = 1000;
  std::size_t most_snapshot_bytes = 1024 * 1024;
};

// What a stream asks of the rest of the server; all of it must outlive the streams.
struct StreamWorld {
  Hub& hub;
  store::Store& store;
  // Whether its cookie would still be taken.
  std::function<awaitable<bool>(access::Identity)> still_holds;
  std::function<void(std::size_t)> sent;  // that many events
  StreamOptions options;
};

// Lives on its connection's loop: opened there, and then run as the body of an answer.
class Stream {
 public:
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Ends when there is nothing more to tell, the client is gone, its session is over or the server
  // stops.
  awaitable<void> run(http::BodyStream& body);

 protected:
  Stream(const StreamWorld& world, access::Identity who);

  // From now on changes are gathered; returns when none can be missed any more.
  awaitable<void> begin(Interest interest);
  // The present state was read: what was gathered meanwhile is handled, and what comes from now on.
  void present_known();
  // The client missed something. Changes are of no use until catch_up() was called.
  void fall_behind();

  // Puts what there is to tell into the backlog.
  virtual void handle(const Change& change) = 0;
  // Changes were lost: by a loop that was busy, or because the client reads too slowly.
  virtual void behind() = 0;
  // Called after fall_behind(), when the client has taken what went before; changes are gathered.
  // Reads the present state and ends with present_known(). False: the stream has to end.
  virtual awaitable<bool> catch_up(runtime::Event& over);
  // When nothing was told until then, the stream falls behind.
  virtual runtime::TimePoint next_look() const { return runtime::TimePoint::max(); }

  const StreamWorld& world_;
  const access::Identity who_;
  std::vector<std::string> ahead_;  // goes before the backlog; the last is sent first
  Backlog backlog_;
  bool ended_ = false;  // with what is in the backlog

 private:
  enum class Hearing { Gathering, Handling, Nothing };
  void hear(News news);
  awaitable<bool> step(http::BodyStream& body);
  awaitable<bool> send_ahead(http::BodyStream& body);
  awaitable<bool> send_backlog(http::BodyStream& body);
  awaitable<bool> wait_for_more(http::BodyStream& body);
  runtime::TimePoint session_end() const;

  Hearing hearing_ = Hearing::Gathering;
  News gathered_;
  bool look_at_session_ = false;
  runtime::TimePoint session_end_;
  runtime::Event something_;
  Hub::Subscription subscription_;  // last: nothing is told to what is half gone
};

// The answer whose body is that stream. `place` is kept for as long.
http::Response stream_response(std::shared_ptr<Stream> stream, std::shared_ptr<const void> place);

}  // namespace jobengine::api::events
