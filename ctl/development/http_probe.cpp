#include "ctl/development/http_probe.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>

#include "common/runtime/deadline.hpp"

namespace jobengine::development {

namespace {

using asio::ip::tcp;

ProbeReply no_answer(const std::string& why) {
  ProbeReply reply;
  reply.text = why;
  return reply;
}

ProbeReply parse(const std::string& answer) {
  constexpr std::string_view protocol = "HTTP/1.1 ";
  if (!answer.starts_with(protocol)) return no_answer("the answer is not HTTP");
  ProbeReply reply;
  reply.status = std::atoi(answer.c_str() + protocol.size());
  const auto body = answer.find("\r\n\r\n");
  if (body != std::string::npos) reply.text = answer.substr(body + 4);
  return reply;
}

awaitable<ProbeReply> ask(std::string host, std::uint16_t port, std::string path) {
  auto loop = co_await asio::this_coro::executor;
  boost::system::error_code error;
  tcp::resolver resolver(loop);
  const std::string service = std::to_string(port);
  const auto found = co_await resolver.async_resolve(host, service, tcp::resolver::numeric_service,
                                                     asio::redirect_error(use_awaitable, error));
  if (error) co_return no_answer(host + " is no address and no known name: " + error.message());
  tcp::socket socket(loop);
  co_await asio::async_connect(socket, found, asio::redirect_error(use_awaitable, error));
  if (error) co_return no_answer(error.message());
  const std::string question =
      "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
  const auto out = asio::buffer(question);
  co_await asio::async_write(socket, out, asio::redirect_error(use_awaitable, error));
  if (error) co_return no_answer(error.message());
  std::string answer;
  constexpr std::size_t most = 64UL * 1024 * 1024;
  auto in = asio::dynamic_buffer(answer, most);
  co_await asio::async_read(socket, in, asio::redirect_error(use_awaitable, error));
  co_return parse(answer);
}

}  // namespace

awaitable<ProbeReply> probe(std::string host, std::uint16_t port, std::string path,
                            runtime::Duration limit) {
  auto asking = ask(std::move(host), port, std::move(path));
  const auto deadline = runtime::Clock::now() + limit;
  auto reply = co_await runtime::until(deadline, std::move(asking));
  co_return reply.value_or(no_answer("no answer in time"));
}

}  // namespace jobengine::development
