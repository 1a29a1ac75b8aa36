#include "tests/servers/kazoo_peer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <optional>

#include "common/runtime/failure.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {

struct KazooPeer::State {
  asio::posix::stream_descriptor input;   // its stdin
  asio::posix::stream_descriptor output;  // its stdout
  runtime::ChildProcess process;
  std::string received;
};

namespace {

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() {
    if (::pipe2(ends, O_CLOEXEC) != 0) throw runtime::Failure("no pipe");
  }
};

}  // namespace

awaitable<KazooPeer> KazooPeer::start(std::string hosts) {
  auto executor = co_await asio::this_coro::executor;
  auto& loop = static_cast<asio::io_context&>(asio::query(executor, asio::execution::context));
  Pipe in;
  Pipe out;
  runtime::SpawnRequest request;
  request.argv = {"/usr/bin/python3", source_directory() + "/tests/servers/kazoo_peer.py", hosts};
  request.descriptors = {{in.ends[0], 0}, {out.ends[1], 1}};
  request.new_session = true;
  request.parent_death_signal = SIGKILL;
  auto state =
      std::make_shared<State>(State{asio::posix::stream_descriptor(loop, in.ends[1]),
                                    asio::posix::stream_descriptor(loop, out.ends[0]),
                                    runtime::ChildProcess::spawn(loop, request), std::string()});
  ::close(in.ends[0]);
  ::close(out.ends[1]);
  KazooPeer peer(std::move(state));
  const std::string ready = co_await peer.next_line();
  if (ready != "ready") throw runtime::Failure("the Python peer said: " + ready);
  co_return std::move(peer);
}

awaitable<std::string> KazooPeer::ask(std::string command) {
  auto state = state_;
  command += "\n";
  const auto bytes = asio::buffer(command);
  co_await asio::async_write(state->input, bytes, use_awaitable);
  co_return co_await next_line();
}

awaitable<std::string> KazooPeer::next_line() {
  auto state = state_;
  const auto buffer = asio::dynamic_buffer(state->received);
  const auto size = co_await asio::async_read_until(state->output, buffer, '\n', use_awaitable);
  const std::string line = state->received.substr(0, size - 1);
  state->received.erase(0, size);
  co_return line;
}

void KazooPeer::kill() {
  state_->process.signal_group(SIGKILL);
}

}  // namespace jobengine::tests
