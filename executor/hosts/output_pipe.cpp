#include "executor/hosts/output_pipe.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

// Of the kernel's pipes there is no more at a time, unless somebody asks for it.
constexpr std::size_t bytes_a_turn = 64UL * 1024;

}  // namespace

OutputPipe::OutputPipe(asio::io_context& loop, LineCutter::Listener on_line, std::size_t longest)
    : lines_(std::move(on_line), longest), read_end_(loop) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) {
    throw runtime::Failure(std::string("no pipe: ") + std::strerror(errno));
  }
  read_end_.assign(ends[0]);
  write_end_ = ends[1];
  read_end_.non_blocking(true);
}

OutputPipe::~OutputPipe() {
  close_write_end();
}

void OutputPipe::close_write_end() {
  if (write_end_ >= 0) ::close(write_end_);
  write_end_ = -1;
}

// Waits and reads apart, so that no bytes are on their way in a completion while drain() reads.
awaitable<void> OutputPipe::read() {
  boost::system::error_code error;
  ssize_t size = 0;
  while (read_end_.is_open() && !error && size >= 0) {
    constexpr auto readable = asio::posix::stream_descriptor::wait_read;
    co_await read_end_.async_wait(readable, asio::redirect_error(use_awaitable, error));
    if (!error && read_end_.is_open()) size = take_some();
  }
  lines_.finish();
  ended_.raise();
}

ssize_t OutputPipe::take_some() {
  // One for all pipes of the loop: idle hosts are to cost little.
  static thread_local std::array<char, bytes_a_turn> bytes;
  const ssize_t size = ::read(read_end_.native_handle(), bytes.data(), bytes.size());
  if (size < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
  if (size == 0) return -1;
  lines_.accept(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
  return size;
}

void OutputPipe::drain() {
  if (!read_end_.is_open()) return;
  int there = 0;
  if (::ioctl(read_end_.native_handle(), FIONREAD, &there) < 0) return;
  ssize_t left = there;
  while (left > 0) {
    const ssize_t size = take_some();
    if (size <= 0) return;
    left -= size;
  }
}

void OutputPipe::finish() {
  drain();
  lines_.finish();
}

void OutputPipe::close() {
  boost::system::error_code ignored;
  read_end_.close(ignored);
}

}  // namespace jobengine::executor
