// The bytes of one connection, plain or over TLS, and until when they are waited for.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <string_view>

#include "common/runtime/asio.hpp"

namespace jobengine::api::http {

// How fast an answer must be taken: `limit`, and the time its length takes at this rate. Who reads
// slowly gets it whole, who does not read is cut off.
struct WritePace {
  std::chrono::milliseconds limit{30000};
  std::size_t least_bytes_per_second = 64 * 1024;
};

// Lives on its lane's loop. One coroutine may receive while another sends; not two of a kind.
class Transport {
 public:
  explicit Transport(asio::ip::tcp::socket socket);
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Whatever must be said before the first request; false when that fails.
  awaitable<bool> open();
  // At least one byte; 0 when the other side has ended, is gone, or is too late.
  awaitable<std::size_t> receive(char* room, std::size_t size);
  // Returns once there is something to receive (or the other side ended), without a buffer of its
  // own: what an idle connection waits in. False when it is interrupted.
  awaitable<bool> readable();
  // Both pieces whole, within the pace; false otherwise, and nothing more can be sent then.
  awaitable<bool> send(std::string_view first, std::string_view second, WritePace pace);
  awaitable<bool> send(std::string_view bytes, WritePace pace) { return send(bytes, {}, pace); }

  // Says that nothing more will be sent.
  virtual void end_sending();
  void close();
  virtual bool is_secure() const { return false; }
  // What is waited for fails, now.
  void interrupt();

  // What is received, or opened, must have come by then.
  void expect_by(runtime::TimePoint deadline) { receive_by_ = deadline; }
  void expect_in(runtime::Duration time) { expect_by(runtime::Clock::now() + time); }
  void expect_ever() { expect_by(runtime::TimePoint::max()); }
  // What is being sent, or will be, must have gone by then, whatever its pace.
  void hurry(runtime::Duration time) { hurried_ = runtime::Clock::now() + time; }
  bool overdue(runtime::TimePoint now) const;
  bool receive_overdue() const { return runtime::Clock::now() >= receive_by_; }

 protected:
  enum class Outcome { Done, WaitToRead, WaitToWrite, Ended };
  struct Transfer {
    Outcome outcome = Outcome::Ended;
    std::size_t bytes = 0;  // more than none when Done
  };
  // These never wait.
  virtual Transfer try_open() { return {Outcome::Done, 0}; }
  virtual Transfer try_receive(char* room, std::size_t size) = 0;
  // Some of both, in this order.
  virtual Transfer try_send(std::string_view first, std::string_view second) = 0;
  // Something was received already and waits in memory.
  virtual bool holds_input() { return false; }

  // Before the connection is closed.
  virtual void say_goodbye() {}

  asio::ip::tcp::socket& socket() { return socket_; }

 private:
  // False when the wait was interrupted.
  awaitable<bool> wait_for(Outcome what);

  asio::ip::tcp::socket socket_;
  runtime::TimePoint receive_by_ = runtime::TimePoint::max();
  runtime::TimePoint send_by_ = runtime::TimePoint::max();
  runtime::TimePoint hurried_ = runtime::TimePoint::max();
};

std::unique_ptr<Transport> plain_transport(asio::ip::tcp::socket socket);

}  // namespace jobengine::api::http
