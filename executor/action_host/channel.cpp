#include "executor/action_host/channel.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <deque>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "common/runtime/failure.hpp"
#include "executor/action_host/lease_guard.hpp"
#include "executor/hosts/breakdown.hpp"

namespace jobengine::executor {

namespace {

// The executor has gone; or the action has closed our descriptor or put something else in its
// place.
[[noreturn]] void end_without_peer(ssize_t size) {
  const bool descriptor_lost = size < 0 && (errno == EBADF || errno == ENOTSOCK);
  if (descriptor_lost) ::_exit(exit_connection_gone);  // the executor ends what we leave behind
  end_process_group();
}

}  // namespace

Channel::Channel(int descriptor, Receiver receive)
    : descriptor_(descriptor),
      receive_(std::move(receive)),
      reader_([this] { read_messages(); }),
      writer_([this] { write_messages(); }) {}

Channel::~Channel() {
  // Both threads live as long as the process: the executor ends it by closing its end.
  reader_.detach();
  writer_.detach();
}

void Channel::send(FromHost message) {
  const std::lock_guard lock(mutex_);
  waiting_.add(std::move(message));
  changed_.notify_all();
}

void Channel::flush() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && !writing_; });
}

void Channel::write_messages() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !waiting_.empty(); });
    const std::deque<FromHost> batch = waiting_.take();
    writing_ = true;
    lock.unlock();
    std::string lines;
    for (const FromHost& message : batch) lines += encode(message);
    std::string_view rest = lines;
    while (!rest.empty()) {
      const ssize_t size = ::send(descriptor_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) end_without_peer(size);
      rest.remove_prefix(static_cast<std::size_t>(size));
    }
    lock.lock();
    writing_ = false;
    changed_.notify_all();
  }
}

void Channel::read_messages() {
  try {
    LineBuffer lines;
    std::string bytes(64UL * 1024, '\0');
    for (;;) {
      const ssize_t size = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) end_without_peer(size);
      lines.append(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
      while (auto line = lines.next()) receive_(decode_to_host(*line));
    }
  } catch (...) {
    const std::string reason = runtime::describe(std::current_exception());
    std::fprintf(stderr, "job-action-host: the executor sent %s\n", reason.c_str());
    end_process_group();
  }
}

}  // namespace jobengine::executor
