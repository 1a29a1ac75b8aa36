#include "api/http/transport.hpp"

#include <algorithm>
#include <array>

namespace jobengine::api::http {
namespace {

using boost::system::error_code;
using tcp = asio::ip::tcp;

class PlainTransport final : public Transport {
 public:
  using Transport::Transport;

 protected:
  Transfer try_receive(char* room, std::size_t size) override {
    error_code failure;
    const auto count = socket().read_some(asio::mutable_buffer(room, size), failure);
    return transfer(count, failure, Outcome::WaitToRead);
  }

  Transfer try_send(std::string_view first, std::string_view second) override {
    const std::array pieces{asio::const_buffer(first.data(), first.size()),
                            asio::const_buffer(second.data(), second.size())};
    error_code failure;
    const auto count = socket().write_some(pieces, failure);
    return transfer(count, failure, Outcome::WaitToWrite);
  }

 private:
  static Transfer transfer(std::size_t count, const error_code& failure, Outcome wait) {
    if (!failure) return {Outcome::Done, count};
    const bool would_block =
        failure == asio::error::would_block || failure == asio::error::try_again;
    return {would_block ? wait : Outcome::Ended, 0};
  }
};

}  // namespace

Transport::Transport(tcp::socket socket) : socket_(std::move(socket)) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
}

awaitable<bool> Transport::wait_for(Outcome what) {
  const auto direction =
      what == Outcome::WaitToRead ? tcp::socket::wait_read : tcp::socket::wait_write;
  error_code failure;
  auto token = asio::redirect_error(use_awaitable, failure);
  co_await socket_.async_wait(direction, token);
  co_return !failure;
}

awaitable<bool> Transport::open() {
  auto transfer = try_open();
  while (transfer.outcome == Outcome::WaitToRead || transfer.outcome == Outcome::WaitToWrite) {
    const bool going_on = co_await wait_for(transfer.outcome);
    if (!going_on) co_return false;
    transfer = try_open();
  }
  co_return transfer.outcome == Outcome::Done;
}

awaitable<std::size_t> Transport::receive(char* room, std::size_t size) {
  auto transfer = try_receive(room, size);
  while (transfer.outcome == Outcome::WaitToRead || transfer.outcome == Outcome::WaitToWrite) {
    const bool going_on = co_await wait_for(transfer.outcome);
    if (!going_on) co_return 0;
    transfer = try_receive(room, size);
  }
  co_return transfer.bytes;
}

awaitable<bool> Transport::readable() {
  if (holds_input()) co_return true;
  const bool going_on = co_await wait_for(Outcome::WaitToRead);
  co_return going_on;
}

awaitable<bool> Transport::send(std::string_view first, std::string_view second, WritePace pace) {
  const auto begun = runtime::Clock::now();
  send_by_ = begun + pace.limit;
  std::size_t sent = 0;
  bool going_on = true;
  while (going_on && first.size() + second.size() > 0) {
    const auto transfer = try_send(first, second);
    if (transfer.outcome == Outcome::Done) {
      sent += transfer.bytes;
      const auto of_first = std::min(transfer.bytes, first.size());
      first.remove_prefix(of_first);
      second.remove_prefix(transfer.bytes - of_first);
      send_by_ = begun + pace.limit + std::chrono::seconds(sent / pace.least_bytes_per_second);
      if (first.size() + second.size() == 0) break;
    }
    // What went only in part filled the buffers; and others get their turn.
    const auto next = transfer.outcome == Outcome::Done ? Outcome::WaitToWrite : transfer.outcome;
    going_on = next != Outcome::Ended;
    if (going_on) going_on = co_await wait_for(next);
  }
  send_by_ = runtime::TimePoint::max();
  co_return going_on;
}

void Transport::end_sending() {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

void Transport::close() {
  say_goodbye();
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

void Transport::interrupt() {
  error_code ignored;
  socket_.cancel(ignored);
}

bool Transport::overdue(runtime::TimePoint now) const {
  const bool sending = send_by_ != runtime::TimePoint::max();
  return now >= receive_by_ || now >= send_by_ || (sending && now >= hurried_);
}

std::unique_ptr<Transport> plain_transport(tcp::socket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

}  // namespace jobengine::api::http
