// One thread of the listener with its loop, its listening socket and its connections.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <list>

#include "api/http/connection.hpp"
#include "api/http/listener.hpp"

namespace jobengine::api::http {

// Touched only on its thread, except where said.
class Lane {
 public:
  // `shared` must outlive it.
  explicit Lane(ListenerShared& shared);

  // [before run()] The first lane's socket is bound alone, so that a port another server listens on
  // is refused although that one may share it; then it is opened for the other lanes. Returns where
  // it listens; throws boost::system::system_error.
  asio::ip::tcp::endpoint listen(const asio::ip::tcp::endpoint& endpoint, bool first);

  // Returns once drained.
  void run();

  // Accepts no more, closes idle connections, ends streams; busy ones answer. [any thread]
  void drain();
  // What waits for a client ends too. [any thread]
  void cut();

 private:
  void share_port();
  awaitable<void> accept();
  awaitable<void> sweep();
  void take_in(asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& peer);
  bool give_up_an_idle_one();
  void turn_away(asio::ip::tcp::socket socket);
  void take_out(std::list<Connection>::iterator place, const std::exception_ptr& ended_with);

  asio::io_context loop_{1};
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer sweep_;
  LaneRules rules_;
  std::list<Connection> connections_;
};

}  // namespace jobengine::api::http
