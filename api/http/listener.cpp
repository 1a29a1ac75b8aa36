#include "api/http/listener.hpp"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <cstring>
#include <list>
#include <thread>
#include <vector>

#include "common/runtime/event.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api::http {
namespace {

namespace beast = boost::beast;
namespace wire = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

// Deadlines are looked at this often by one timer a thread: cheaper than two timer operations a
// request.
constexpr auto sweep_interval = std::chrono::milliseconds(200);
// After an answer that ends a connection early, what the client still sends is read and dropped for
// a while: closing with unread data would reset the connection and take the answer with it.
constexpr auto linger_limit = std::chrono::seconds(2);
constexpr std::size_t linger_bytes = 4 * 1024 * 1024;

runtime::TimePoint never() {
  return runtime::TimePoint::max();
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

using Parser = wire::request_parser<wire::string_body>;

Request request_of(wire::request<wire::string_body>&& message) {
  Request request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  for (const auto& field : message) {
    const auto name = field.name_string();
    request.headers.emplace_back(lower(std::string_view(name.data(), name.size())),
                                 std::string(field.value()));
  }
  request.body = std::move(message.body());
  return request;
}

Response refusal(int status, const std::string& message) {
  Response response;
  response.status = status;
  response.body = R"({"status":)" + std::to_string(status) + R"(,"message":")" + message + R"("})";
  return response;
}

Response refusal_of(const error_code& failure) {
  if (failure == wire::error::body_limit) return refusal(413, "request body too large");
  if (failure == wire::error::header_limit) return refusal(431, "request header too large");
  if (failure == wire::error::buffer_overflow) return refusal(431, "request header too large");
  return refusal(400, "malformed HTTP request");
}

bool is_protocol_error(const error_code& failure) {
  return failure.category() == make_error_code(wire::error::bad_method).category() &&
         failure != wire::error::end_of_stream && failure != wire::error::partial_message;
}

wire::response<wire::string_body> message_of(Response&& response, unsigned version) {
  wire::response<wire::string_body> message;
  message.version(version);
  message.result(static_cast<unsigned>(response.status));
  for (auto& [name, value] : response.headers) message.insert(name, value);
  const bool has_body = response.status != 204 && response.status != 304;
  if (has_body && !response.body.empty()) {
    message.set(wire::field::content_type, response.content_type);
  }
  message.body() = std::move(response.body);
  if (has_body) message.content_length(message.body().size());
  return message;
}

struct Connection {
  tcp::socket socket;
  beast::flat_buffer buffer;
  runtime::TimePoint deadline = never();  // the sweep cancels what is read or written then
  bool idle = true;                       // between two requests

  explicit Connection(tcp::socket accepted) : socket(std::move(accepted)) {}
  bool overdue() const { return runtime::Clock::now() >= deadline; }
};

}  // namespace

// One thread with its loop, its listening socket and its connections. Touched only on its thread,
// except `loop`'s posting.
class Lane {
 public:
  Lane(const ListenerOptions& options, const Handler& handler, const Observer& observer)
      : options_(options),
        handler_(handler),
        observer_(observer),
        acceptor_(loop_),
        sweep_(loop_) {}

  // The first lane's socket is bound alone, so that a port another server listens on is refused
  // although that one may share it; then it is opened for the other lanes.
  tcp::endpoint listen(const tcp::endpoint& endpoint, bool first) {
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(asio::socket_base::reuse_address(true));
    if (!first) share_port();
    acceptor_.bind(endpoint);
    if (first) share_port();
    acceptor_.listen(1024);
    return acceptor_.local_endpoint();
  }

  void run() {
    // Neither can fail but for want of memory; a server that went deaf would be worse than none.
    const auto must_not_fail = [](const std::exception_ptr& failure) {
      if (failure) std::rethrow_exception(failure);
    };
    asio::co_spawn(loop_, accept(), must_not_fail);
    asio::co_spawn(loop_, sweep(), must_not_fail);
    loop_.run();
  }

  // [any thread]
  void drain() {
    asio::post(loop_, [this] {
      draining_ = true;
      error_code ignored;
      acceptor_.close(ignored);
      for (auto& connection : connections_) {
        if (connection.idle) connection.socket.cancel(ignored);
      }
      if (connections_.empty()) sweep_.cancel();
    });
  }
  // What waits for the client fails; what waits for the store ends with its answer: nothing of
  // ours is dropped half-way.
  void cut() {
    drain();
    asio::post(loop_, [this] {
      error_code ignored;
      for (auto& connection : connections_) connection.socket.close(ignored);
    });
  }

 private:
  void share_port() {
    const int yes = 1;
    if (::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0) {
      throw boost::system::system_error(errno, boost::system::system_category());
    }
  }

  awaitable<void> accept() {
    while (!draining_) {
      error_code failure;
      auto token = asio::redirect_error(use_awaitable, failure);
      auto socket = co_await acceptor_.async_accept(token);
      if (draining_) break;
      if (failure) {
        // Out of descriptors or memory: the sweep's rhythm is a fair pause.
        asio::steady_timer pause(loop_, sweep_interval);
        error_code ignored;
        auto pause_token = asio::redirect_error(use_awaitable, ignored);
        co_await pause.async_wait(pause_token);
        continue;
      }
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      const auto place = connections_.emplace(connections_.end(), std::move(socket));
      asio::co_spawn(loop_, serve(*place), [this, place](const std::exception_ptr& ended_with) {
        if (ended_with) {
          telemetry::error("a connection failed", {{"error", runtime::describe(ended_with)}});
        }
        connections_.erase(place);
        if (draining_ && connections_.empty()) sweep_.cancel();
      });
    }
  }

  awaitable<void> sweep() {
    while (!draining_ || !connections_.empty()) {
      sweep_.expires_after(sweep_interval);
      error_code ignored;
      auto token = asio::redirect_error(use_awaitable, ignored);
      co_await sweep_.async_wait(token);
      for (auto& connection : connections_) {
        if (connection.overdue()) connection.socket.cancel(ignored);
      }
    }
  }

  awaitable<void> serve(Connection& connection) {
    bool more = true;
    while (more && !draining_) {
      const bool begun = co_await wait_for_request(connection);
      if (!begun) break;
      more = co_await serve_request(connection);
    }
    error_code ignored;
    connection.socket.shutdown(tcp::socket::shutdown_both, ignored);
    connection.socket.close(ignored);
  }

  // The first byte of the next request is there (true), or there will be none.
  awaitable<bool> wait_for_request(Connection& connection) {
    if (connection.buffer.size() > 0) co_return true;
    connection.idle = true;
    connection.deadline = runtime::Clock::now() + options_.idle_limit;
    error_code failure;
    auto token = asio::redirect_error(use_awaitable, failure);
    auto room = connection.buffer.prepare(4096);
    const auto count = co_await connection.socket.async_read_some(room, token);
    connection.buffer.commit(count);
    connection.idle = false;
    co_return !failure;
  }

  // True when the connection goes on.
  awaitable<bool> serve_request(Connection& connection) {
    connection.deadline = runtime::Clock::now() + options_.request_limit;
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.header_limit));
    parser.body_limit(options_.body_limit);
    error_code failure;
    auto token = asio::redirect_error(use_awaitable, failure);
    co_await wire::async_read_header(connection.socket, connection.buffer, parser, token);
    if (!failure && expects_continue(parser)) {
      co_await write_continue(connection, failure);
    }
    if (!failure && !parser.is_done()) {
      co_await wire::async_read(connection.socket, connection.buffer, parser, token);
    }
    if (failure) {
      co_await refuse(connection, failure);
      co_return false;
    }
    auto message = parser.release();
    const unsigned version = message.version();
    if (version >= 11 && message.count(wire::field::host) != 1) {
      auto answer = refusal(400, "one Host header is required");
      co_await answer_and_linger(connection, std::move(answer), version);
      co_return false;
    }
    const bool keep_alive = message.keep_alive();
    connection.deadline = never();
    auto request = request_of(std::move(message));
    const bool head = request.method == "HEAD";
    auto response = co_await handle(std::move(request));
    const bool written = co_await write(connection, std::move(response), version, keep_alive, head);
    co_return written&& keep_alive && !draining_;
  }

  static bool expects_continue(Parser& parser) {
    return parser.get().version() >= 11 &&
           beast::iequals(parser.get()[wire::field::expect], "100-continue") && !parser.is_done();
  }

  awaitable<void> write_continue(Connection& connection, error_code& failure) {
    wire::response<wire::empty_body> answer(wire::status::continue_, 11);
    auto token = asio::redirect_error(use_awaitable, failure);
    co_await wire::async_write(connection.socket, answer, token);
  }

  awaitable<void> refuse(Connection& connection, error_code failure) {
    if (failure == asio::error::operation_aborted && connection.overdue()) {
      auto answer = refusal(408, "the request took too long to arrive");
      co_await answer_and_linger(connection, std::move(answer), 11);
    } else if (is_protocol_error(failure)) {
      auto answer = refusal_of(failure);
      co_await answer_and_linger(connection, std::move(answer), 11);
    }
  }

  awaitable<Response> handle(Request request) {
    const auto begun = runtime::Clock::now();
    const std::string method = request.method;
    Response response;
    std::string trouble;
    try {
      response = co_await handler_(std::move(request));
    } catch (...) {
      trouble = runtime::describe(std::current_exception());
    }
    if (!trouble.empty()) {
      telemetry::error("a request failed", {{"method", method}, {"error", trouble}});
      response = refusal(500, "unexpected error occurred");
    }
    if (observer_) {
      const std::chrono::duration<double> took = runtime::Clock::now() - begun;
      observer_(method, response.status, took.count());
    }
    co_return response;
  }

  awaitable<bool> write(Connection& connection, Response response, unsigned version,
                        bool keep_alive, bool head) {
    auto message = message_of(std::move(response), version);
    message.keep_alive(keep_alive && !draining_);
    if (head) message.body().clear();  // the length stays that of the GET
    const auto begun = runtime::Clock::now();
    connection.deadline = begun + options_.write_limit;
    error_code failure;
    auto token = asio::redirect_error(use_awaitable, failure);
    wire::response_serializer<wire::string_body> serializer(message);
    if (head) {
      co_await wire::async_write_header(connection.socket, serializer, token);
      co_return !failure;
    }
    std::size_t written = 0;
    while (!failure && !serializer.is_done()) {
      const auto count = co_await wire::async_write_some(connection.socket, serializer, token);
      written += count;
      const std::chrono::seconds granted(written / options_.least_bytes_per_second);
      connection.deadline = begun + options_.write_limit + granted;
    }
    co_return !failure;
  }

  awaitable<void> answer_and_linger(Connection& connection, Response response, unsigned version) {
    if (observer_) observer_("-", response.status, 0.0);
    const bool keep_alive = false;
    const bool head = false;
    const bool written = co_await write(connection, std::move(response), version, keep_alive, head);
    if (!written) co_return;
    error_code failure;
    connection.socket.shutdown(tcp::socket::shutdown_send, failure);
    connection.deadline = runtime::Clock::now() + linger_limit;
    std::size_t dropped = 0;
    auto token = asio::redirect_error(use_awaitable, failure);
    failure = {};
    while (!failure && dropped < linger_bytes && !connection.overdue()) {
      connection.buffer.clear();
      auto room = connection.buffer.prepare(16384);
      const auto count = co_await connection.socket.async_read_some(room, token);
      dropped += count;
    }
  }

  const ListenerOptions& options_;
  const Handler& handler_;
  const Observer& observer_;
  asio::io_context loop_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer sweep_;
  std::list<Connection> connections_;
  bool draining_ = false;
};

struct Listener::State {
  asio::io_context& main_loop;
  ListenerOptions options;
  Handler handler;
  Observer observer;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::vector<std::thread> threads;
  // Shared with what the threads post to the main loop at their end: that may run after us.
  struct Ending {
    std::size_t running = 0;
    runtime::Event ended;
  };
  std::shared_ptr<Ending> ending = std::make_shared<Ending>();
  std::uint16_t port = 0;

  State(asio::io_context& loop, const ListenerOptions& wanted, Handler handle, Observer observe)
      : main_loop(loop),
        options(wanted),
        handler(std::move(handle)),
        observer(std::move(observe)) {}

  void listen() {
    try {
      tcp::endpoint endpoint(asio::ip::make_address(options.address), options.port);
      for (int lane = 0; lane < options.threads; ++lane) {
        lanes.push_back(std::make_unique<Lane>(options, handler, observer));
        endpoint = lanes.back()->listen(endpoint, lane == 0);
      }
      port = endpoint.port();
    } catch (const boost::system::system_error& failure) {
      throw runtime::Failure("cannot listen on " + options.address + ":" +
                             std::to_string(options.port) + ": " + failure.code().message());
    }
  }

  void start() {
    ending->running = lanes.size();
    for (auto& lane : lanes) {
      threads.emplace_back([this, running_lane = lane.get()] {
        running_lane->run();
        asio::post(main_loop, [all = ending] {
          if (--all->running == 0) all->ended.raise();
        });
      });
    }
  }
};

Listener::Listener(asio::io_context& main_loop, const ListenerOptions& options, Handler handler,
                   Observer observer)
    : state_(std::make_unique<State>(main_loop, options, std::move(handler), std::move(observer))) {
  state_->listen();
  state_->start();
}

Listener::~Listener() {
  for (auto& lane : state_->lanes) lane->cut();
  for (auto& thread : state_->threads) {
    if (thread.joinable()) thread.join();
  }
}

std::uint16_t Listener::port() const {
  return state_->port;
}

awaitable<void> Listener::stop(runtime::Duration grace) {
  for (auto& lane : state_->lanes) lane->drain();
  const bool in_time = co_await state_->ending->ended.wait_for(grace);
  if (!in_time) {
    for (auto& lane : state_->lanes) lane->cut();
    co_await state_->ending->ended.wait();
  }
  for (auto& thread : state_->threads) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace jobengine::api::http
