#include "executor/hosts/output_tail.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

constexpr std::size_t most_lines = 20;
constexpr std::size_t longest_kept_line = 2000;

}  // namespace

OutputTail::OutputTail(asio::io_context& loop, LineListener on_line)
    : on_line_(std::move(on_line)), read_end_(loop) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) {
    throw runtime::Failure(std::string("no pipe: ") + std::strerror(errno));
  }
  read_end_.assign(ends[0]);
  write_end_ = ends[1];
}

OutputTail::~OutputTail() {
  close_write_end();
}

void OutputTail::close_write_end() {
  if (write_end_ >= 0) ::close(write_end_);
  write_end_ = -1;
}

awaitable<void> OutputTail::read() {
  std::string bytes(16UL * 1024, '\0');
  boost::system::error_code error;
  while (read_end_.is_open()) {
    const auto buffer = asio::buffer(bytes);
    const std::size_t size =
        co_await read_end_.async_read_some(buffer, asio::redirect_error(use_awaitable, error));
    if (error) break;
    accept(std::string_view(bytes).substr(0, size));
  }
  if (!unfinished_.empty()) keep(std::exchange(unfinished_, {}));
  ended_.raise();
}

void OutputTail::close() {
  boost::system::error_code ignored;
  read_end_.close(ignored);
}

void OutputTail::accept(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    unfinished_.append(bytes.substr(0, end));
    const bool whole = end != std::string_view::npos;
    if (whole || unfinished_.size() > longest_kept_line) keep(std::exchange(unfinished_, {}));
    bytes.remove_prefix(whole ? end + 1 : bytes.size());
  }
}

void OutputTail::keep(std::string line) {
  if (line.size() > longest_kept_line) line.resize(longest_kept_line);
  on_line_(line);
  lines_.push_back(std::move(line));
  if (lines_.size() > most_lines) lines_.pop_front();
}

std::string OutputTail::text() const {
  std::string result;
  for (const std::string& line : lines_) {
    if (!result.empty()) result += '\n';
    result += line;
  }
  if (!unfinished_.empty()) result += (result.empty() ? "" : "\n") + unfinished_;
  return result;
}

void OutputTail::forget() {
  lines_.clear();
  unfinished_.clear();
}

}  // namespace jobengine::executor
