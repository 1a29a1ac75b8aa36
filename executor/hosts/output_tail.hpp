// Reads what a child process prints: every line is handed on, the last ones are kept.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "common/runtime/asio.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::executor {

// A pipe whose write end goes to the child. Lives on the loop.
class OutputTail {
 public:
  using LineListener = std::function<void(const std::string&)>;

  // Throws runtime::Failure when there is no pipe to be had.
  OutputTail(asio::io_context& loop, LineListener on_line);
  ~OutputTail();
  OutputTail(const OutputTail&) = delete;
  OutputTail& operator=(const OutputTail&) = delete;

  int write_end() const { return write_end_; }
  // Ours; once the child has its copy, so that its end is the end of the stream.
  void close_write_end();

  // Returns at the end of the stream, or after close(). To be run (and joined) by the owner.
  awaitable<void> read();
  runtime::Event& ended() { return ended_; }
  void close();

  // The last lines since forget(), at most some twenty, the last perhaps unfinished.
  std::string text() const;
  void forget();

 private:
  void accept(std::string_view bytes);
  void keep(std::string line);

  LineListener on_line_;
  asio::posix::stream_descriptor read_end_;
  int write_end_ = -1;
  std::string unfinished_;
  std::deque<std::string> lines_;
  runtime::Event ended_;
};

}  // namespace jobengine::executor
