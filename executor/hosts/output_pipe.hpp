// What a child process prints on one descriptor, line by line.
#pragma once

#include <sys/types.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>

#include "common/runtime/asio.hpp"
#include "common/runtime/event.hpp"
#include "executor/hosts/line_cutter.hpp"

namespace jobengine::executor {

// A pipe whose write end goes to the child. Lives on the loop.
class OutputPipe {
 public:
  // Throws runtime::Failure when there is no pipe to be had.
  OutputPipe(asio::io_context& loop, LineCutter::Listener on_line,
             std::size_t longest = longest_printed_line);
  ~OutputPipe();
  OutputPipe(const OutputPipe&) = delete;
  OutputPipe& operator=(const OutputPipe&) = delete;

  int write_end() const { return write_end_; }
  // Ours; once the child has its copy, so that its end is the end of the stream.
  void close_write_end();

  // Returns at the end of the stream, or after close(). To be run (and joined) by the owner. Takes
  // a bounded piece a turn: a child that prints without end does not keep the loop from the rest.
  awaitable<void> read();
  // Reads what is in the pipe now, without waiting for more; who else holds it may go on printing.
  void drain();
  // drain(), and what was printed last is a line even without its newline.
  void finish();
  runtime::Event& ended() { return ended_; }
  bool has_ended() const { return ended_.raised(); }
  void close();

 private:
  // Bytes read; 0: none are there now, negative: none will come.
  ssize_t take_some();

  LineCutter lines_;
  asio::posix::stream_descriptor read_end_;
  int write_end_ = -1;
  runtime::Event ended_;
};

}  // namespace jobengine::executor
