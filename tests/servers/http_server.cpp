#include "tests/servers/http_server.hpp"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <optional>
#include <set>

#include "common/runtime/event.hpp"
#include "common/runtime/task_group.hpp"

namespace jobengine::tests {

namespace {

namespace http = boost::beast::http;
using asio::ip::tcp;

HttpReceived received_from(const http::request<http::string_body>& request, int connection) {
  HttpReceived received;
  received.method = std::string(request.method_string());
  received.target = std::string(request.target());
  received.body = request.body();
  received.connection = connection;
  for (const auto& field : request) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    received.headers[name] = std::string(field.value());
  }
  return received;
}

std::string wire_text(const HttpScripted& scripted) {
  std::string text = "HTTP/1.1 " + std::to_string(scripted.status) + " Scripted\r\n";
  for (const auto& [name, value] : scripted.headers) text += name + ": " + value + "\r\n";
  text += "Content-Length: " + std::to_string(scripted.body.size()) + "\r\n\r\n";
  text += scripted.body;
  if (scripted.manner == HttpScripted::Manner::CutOff) text.resize(text.size() - 1);
  return text;
}

}  // namespace

struct HttpServer::State {
  State(asio::io_context& loop, Script answers)
      : acceptor(loop, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
        script(std::move(answers)),
        tasks(loop.get_executor()) {}

  tcp::acceptor acceptor;
  Script script;
  std::vector<HttpReceived> received;
  std::optional<asio::ssl::context> tls;
  std::set<tcp::socket*> open;
  int accepted = 0;
  runtime::Event stopping;
  runtime::TaskGroup tasks;

  awaitable<void> accept() {
    while (!stopping.raised()) {
      boost::system::error_code failure;
      auto token = asio::redirect_error(use_awaitable, failure);
      tcp::socket socket = co_await acceptor.async_accept(token);
      if (failure) break;
      ++accepted;
      if (tls) {
        tasks.spawn(serve_tls(std::move(socket), accepted));
      } else {
        tasks.spawn(serve_plain(std::move(socket), accepted));
      }
    }
  }

  awaitable<void> serve_plain(tcp::socket socket, int number) {
    open.insert(&socket);
    co_await converse(socket, number);
    open.erase(&socket);
    close(socket);
  }

  awaitable<void> serve_tls(tcp::socket socket, int number) {
    asio::ssl::stream<tcp::socket> stream(std::move(socket), *tls);
    open.insert(&stream.next_layer());
    boost::system::error_code failure;
    auto token = asio::redirect_error(use_awaitable, failure);
    co_await stream.async_handshake(asio::ssl::stream_base::server, token);
    if (!failure) co_await converse(stream, number);
    open.erase(&stream.next_layer());
    close(stream.next_layer());
  }

  template <class Stream>
  awaitable<void> converse(Stream& stream, int number) {
    boost::beast::flat_buffer buffer;
    boost::system::error_code failure;
    auto token = asio::redirect_error(use_awaitable, failure);
    while (!failure) {
      http::request<http::string_body> request;
      co_await http::async_read(stream, buffer, request, token);
      if (failure) break;
      received.push_back(received_from(request, number));
      const HttpReceived latest = received.back();
      const HttpScripted scripted = script(latest);
      if (scripted.delay.count() > 0) co_await runtime::pause(scripted.delay, stopping);
      if (scripted.manner == HttpScripted::Manner::Hold) co_await stopping.wait();
      if (scripted.manner == HttpScripted::Manner::Drop) break;
      const std::string text = wire_text(scripted);
      const auto bytes = asio::buffer(text);
      co_await asio::async_write(stream, bytes, token);
      if (scripted.manner != HttpScripted::Manner::Answer) break;
    }
  }

  static void close(tcp::socket& socket) {
    boost::system::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_both, ignored);
    socket.close(ignored);
  }
};

HttpServer::HttpServer(asio::io_context& loop, Script script)
    : state_(std::make_shared<State>(loop, std::move(script))) {
  state_->tasks.spawn(state_->accept());
}

HttpServer::HttpServer(asio::io_context& loop, Script script, const Tls& tls)
    : HttpServer(loop, std::move(script)) {
  auto& context = state_->tls.emplace(asio::ssl::context::tls_server);
  context.use_certificate_chain(asio::buffer(tls.certificate));
  context.use_private_key(asio::buffer(tls.key), asio::ssl::context::pem);
}

HttpServer::~HttpServer() = default;

std::string HttpServer::url() const {
  return std::string(state_->tls ? "https" : "http") +
         "://127.0.0.1:" + std::to_string(state_->acceptor.local_endpoint().port());
}

const std::vector<HttpReceived>& HttpServer::received() const {
  return state_->received;
}

int HttpServer::connections() const {
  return state_->accepted;
}

void HttpServer::close_connections() {
  for (tcp::socket* socket : state_->open) State::close(*socket);
}

awaitable<void> HttpServer::stop() {
  state_->stopping.raise();
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  close_connections();
  co_await state_->tasks.join();
}

}  // namespace jobengine::tests
