// One connection: reads requests, lets the handler answer them one after another, writes the
// answers, within the limits.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "api/http/compression.hpp"
#include "api/http/listener.hpp"
#include "api/http/memory_budget.hpp"
#include "api/http/request_reader.hpp"
#include "api/http/response_head.hpp"
#include "api/http/server_certificate.hpp"
#include "api/http/transport.hpp"

namespace jobengine::api::http {

class AnswerStream;

// A connection between two requests.
class IdleConnection : public boost::intrusive::list_base_hook<
                           boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  // It ends soon, without a word.
  virtual void give_up() = 0;

 protected:
  ~IdleConnection() = default;
};
// The longest idle first. A connection leaves by itself.
using IdleConnections =
    boost::intrusive::list<IdleConnection, boost::intrusive::constant_time_size<false>>;

// What all connections of a listener share.
struct ListenerShared {
  const ListenerOptions options;
  const Handler handler;
  const Observer observer;
  // [any thread]
  const std::unique_ptr<ServerCertificate> certificate;  // none: no TLS
  MemoryBudget budget;
  std::atomic<std::size_t> connections{0};

  // Throws Failure, see Listener.
  ListenerShared(const ListenerOptions& wanted, Handler handle, Observer observe);
};

// What the connections of a lane share.
struct LaneRules {
  ListenerShared& shared;
  IdleConnections idle;
  std::vector<std::unique_ptr<Packer>> packers;  // at rest
  bool draining = false;                         // no request after the one being served
};

// Lives on its lane's loop.
class Connection final : public IdleConnection {
 public:
  Connection(std::unique_ptr<Transport> transport, std::string peer, LaneRules& rules);
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Returns when the connection has ended; it may be destroyed then.
  awaitable<void> serve();

  // Ends what has taken too long by now.
  void sweep(runtime::TimePoint now);
  void give_up() override { transport_->interrupt(); }
  // To be called once `draining` is set: ends what has no end of its own.
  void drain();
  // What waits for the client fails; what waits for the store ends with its answer: nothing of
  // ours is dropped half-way.
  void cut();

 private:
  awaitable<bool> wait_for_request();
  awaitable<bool> serve_request();
  awaitable<bool> read_request(RequestReader& reader, HeldMemory& held);
  awaitable<void> pack(Response& response);
  awaitable<bool> write_within_budget(Response response, Exchange exchange, bool pack_it);
  awaitable<bool> receive();
  awaitable<Response> handle(Request request);
  awaitable<bool> write(Response response, Exchange exchange);
  awaitable<void> write_stream(Response response, Exchange exchange);
  awaitable<void> run_stream(Response& response, AnswerStream& body);
  awaitable<void> refuse(Refusal refusal);
  awaitable<void> linger();

  const ListenerOptions& options() const { return rules_.shared.options; }
  WritePace pace() const;
  std::string_view unread() const;
  void forget(std::size_t count);

  const std::unique_ptr<Transport> transport_;
  const std::string peer_;
  LaneRules& rules_;
  std::string received_;  // what came and is not read yet begins at `read_`
  std::size_t read_ = 0;
  bool opening_ = true;             // no request can have begun
  AnswerStream* stream_ = nullptr;  // while one is being sent
};

}  // namespace jobengine::api::http
