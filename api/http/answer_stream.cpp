#include "api/http/answer_stream.hpp"

#include <array>

#include "api/http/linger.hpp"

namespace jobengine::api::http {
namespace {

// At a stop, what is on its way and the body's end get this much time together.
constexpr auto farewell = std::chrono::seconds(1);

}  // namespace

AnswerStream::AnswerStream(Transport& transport, Exchange exchange, WritePace pace)
    : transport_(transport), exchange_(exchange), pace_(pace) {}

awaitable<bool> AnswerStream::send(std::string bytes) {
  if (over_.raised()) co_return false;
  if (bytes.empty()) co_return true;
  std::string head;
  if (exchange_.version >= 11) {
    head = chunk_head(bytes.size());
    bytes += chunk_tail;
  }
  const bool sent = co_await transport_.send(head, bytes, pace_);
  if (!sent) {
    broken_ = true;
    over_.raise();
  }
  co_return sent && !over_.raised();
}

awaitable<void> AnswerStream::watch() {
  auto loop = co_await asio::this_coro::executor;
  // It fails for want of memory only; the stream then ends.
  auto ended = [this](const std::exception_ptr&) {
    over_.raise();
    unwatched_.raise();
  };
  asio::co_spawn(loop, watch_client(), ended);
}

// What the client still sends means nothing: the connection ends with this answer.
awaitable<void> AnswerStream::watch_client() {
  std::array<char, 1024> room{};
  std::size_t dropped = 0;
  while (dropped < most_lingered) {
    const auto count = co_await transport_.receive(room.data(), room.size());
    if (count == 0) break;
    dropped += count;
  }
}

awaitable<void> AnswerStream::end(bool whole) {
  bool told = false;
  if (!broken_ && whole) {
    const char* last = exchange_.version >= 11 ? last_chunk : "";
    told = co_await transport_.send(last, pace_);
  }
  over_.raise();
  if (told && !stopped_) {
    transport_.end_sending();
    transport_.expect_in(linger_limit);
  } else {
    // Also ends a watch that has not begun to wait yet.
    transport_.close();
  }
  co_await unwatched_.wait();
}

void AnswerStream::stop() {
  stopped_ = true;
  transport_.hurry(farewell);
  over_.raise();
}

}  // namespace jobengine::api::http
