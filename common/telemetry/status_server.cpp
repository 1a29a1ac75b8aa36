#include "common/telemetry/status_server.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <list>
#include <map>

#include "common/runtime/event.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::telemetry {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using HttpRequest = http::request<http::empty_body>;
using HttpResponse = http::response<http::string_body>;

constexpr std::size_t most_connections = 64;
constexpr std::uint32_t longest_header = 8 * 1024;
// Scrapers come every 15 to 60 s; a connection that says nothing for longer only takes room.
constexpr auto idle_limit = std::chrono::seconds(75);
constexpr auto write_limit = std::chrono::seconds(10);

struct Connection {
  explicit Connection(tcp::socket socket) : stream(std::move(socket)) {}
  beast::tcp_stream stream;
  void close() {
    boost::system::error_code ignored;
    stream.socket().close(ignored);
  }
};

HttpResponse answer(http::status status, std::string body) {
  HttpResponse response(status, 11);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.set(http::field::cache_control, "no-store");
  response.body() = std::move(body);
  return response;
}

}  // namespace

// Shared with its coroutines through StatusServer only; stop() joins them.
struct StatusServer::State {
  State(asio::io_context& loop, Metrics& instruments, ReadyCheck check)
      : acceptor(loop), metrics(instruments), ready(std::move(check)), tasks(loop.get_executor()) {}

  tcp::acceptor acceptor;
  Metrics& metrics;
  ReadyCheck ready;
  std::map<std::string, std::function<std::string()>, std::less<>> pages;
  std::list<std::shared_ptr<Connection>> connections;  // the oldest first
  runtime::Event stopping;
  runtime::TaskGroup tasks;  // last: its coroutines use everything above

  void listen(const StatusServerOptions& options);
  awaitable<void> accept();
  awaitable<void> serve(std::shared_ptr<Connection> connection);
  HttpResponse respond(const HttpRequest& request) const;
};

void StatusServer::State::listen(const StatusServerOptions& options) {
  boost::system::error_code failure;
  const auto address = asio::ip::make_address(options.address, failure);
  const tcp::endpoint endpoint(address, options.port);
  if (!failure) acceptor.open(endpoint.protocol(), failure);
  if (!failure) acceptor.set_option(tcp::acceptor::reuse_address(true), failure);
  if (!failure) acceptor.bind(endpoint, failure);
  if (!failure) acceptor.listen(asio::socket_base::max_listen_connections, failure);
  if (failure) {
    throw runtime::Failure("cannot serve telemetry on address " + options.address + " port " +
                           std::to_string(options.port) + ": " + failure.message());
  }
}

awaitable<void> StatusServer::State::accept() {
  while (!stopping.raised()) {
    boost::system::error_code failure;
    auto token = asio::redirect_error(use_awaitable, failure);
    tcp::socket socket = co_await acceptor.async_accept(token);
    if (stopping.raised()) break;
    if (failure) {
      // Out of descriptors, most likely; they come back.
      constexpr auto breath = std::chrono::milliseconds(200);
      co_await runtime::pause(breath, stopping);
      continue;
    }
    // The newest is served: a probe must not starve behind connections that only sit there.
    if (connections.size() >= most_connections) {
      connections.front()->close();
      connections.pop_front();
    }
    auto connection = std::make_shared<Connection>(std::move(socket));
    connections.push_back(connection);
    tasks.spawn(serve(std::move(connection)));
  }
}

awaitable<void> StatusServer::State::serve(std::shared_ptr<Connection> connection) {
  beast::flat_buffer buffer(2 * longest_header);
  bool keep = true;
  while (keep && !stopping.raised()) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(longest_header);
    boost::system::error_code failure;
    auto token = asio::redirect_error(use_awaitable, failure);
    connection->stream.expires_after(idle_limit);
    co_await http::async_read(connection->stream, buffer, parser, token);
    HttpResponse response;
    if (!failure) {
      response = respond(parser.get());
      keep = parser.get().keep_alive();
    } else if (failure.category() == make_error_code(http::error::bad_method).category() &&
               failure != http::error::end_of_stream && failure != http::error::partial_message) {
      response = answer(failure == http::error::header_limit
                            ? http::status::request_header_fields_too_large
                            : http::status::bad_request,
                        "not a request this server answers\n");
      keep = false;
    } else {
      break;
    }
    response.keep_alive(keep);
    // HEAD: the length of the answer without the answer.
    const std::size_t length = response.body().size();
    if (!failure && parser.get().method() == http::verb::head) response.body().clear();
    response.content_length(length);
    connection->stream.expires_after(write_limit);
    co_await http::async_write(connection->stream, response, token);
    if (failure) break;
  }
  connection->close();
  connections.remove(connection);
}

HttpResponse StatusServer::State::respond(const HttpRequest& request) const {
  const std::string_view target(request.target().data(), request.target().size());
  const std::string_view path = target.substr(0, target.find('?'));
  const auto page = pages.find(path);
  if (page == pages.end() && path != "/healthz" && path != "/readyz" && path != "/metrics") {
    std::string others;
    for (const auto& [name, content] : pages) others += " and " + name;
    return answer(http::status::not_found,
                  "not found; here are /healthz, /readyz and /metrics" + others + "\n");
  }
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    HttpResponse response = answer(http::status::method_not_allowed, "only GET and HEAD\n");
    response.set(http::field::allow, "GET, HEAD");
    return response;
  }
  if (page != pages.end()) {
    HttpResponse response = answer(http::status::ok, page->second());
    response.set(http::field::content_type, "application/json");
    return response;
  }
  if (path == "/healthz") return answer(http::status::ok, "ok\n");
  if (path == "/readyz") {
    const std::string reason = ready ? ready() : std::string();
    if (reason.empty()) return answer(http::status::ok, "ready\n");
    return answer(http::status::service_unavailable, reason + "\n");
  }
  HttpResponse response = answer(http::status::ok, metrics.exposition());
  response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
  return response;
}

StatusServer::StatusServer(asio::io_context& loop, const StatusServerOptions& options,
                           Metrics& metrics, ReadyCheck ready)
    : state_(std::make_shared<State>(loop, metrics, std::move(ready))) {
  state_->listen(options);
  state_->tasks.spawn(state_->accept());
}

StatusServer::~StatusServer() = default;

std::uint16_t StatusServer::port() const {
  boost::system::error_code closed;
  return state_->acceptor.local_endpoint(closed).port();
}

void StatusServer::add_page(const std::string& path, std::function<std::string()> content) {
  state_->pages[path] = std::move(content);
}

awaitable<void> StatusServer::stop() {
  state_->stopping.raise();
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for (const auto& connection : state_->connections) connection->close();
  co_await state_->tasks.join();
}

}  // namespace jobengine::telemetry
