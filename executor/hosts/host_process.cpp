#include "executor/hosts/host_process.hpp"

#include <fcntl.h>
#include <jobengine/plugin_abi.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"
#include "executor/hosts/breakdown.hpp"
#include "executor/hosts/orphans.hpp"
#include "executor/hosts/utf8.hpp"

namespace jobengine::executor {

namespace {

using runtime::Failure;

// Offspring that left the host's process group may hold its pipes open; it is not waited for.
constexpr auto last_words = std::chrono::milliseconds(300);

// The file a process executes; empty when it has ended, or when we may not know.
std::string program_of(pid_t process) {
  std::error_code error;
  const auto file =
      std::filesystem::read_symlink("/proc/" + std::to_string(process) + "/exe", error);
  return error ? std::string() : file.string();
}

}  // namespace

HostProcess::HostProcess(asio::io_context& loop, std::string plugin_file)
    : loop_(loop),
      plugin_file_(std::move(plugin_file)),
      socket_(loop),
      stdout_(loop, [this](std::string_view line) { printed(OutputStream::Stdout, line); }),
      stderr_(loop, [this](std::string_view line) { printed(OutputStream::Stderr, line); }),
      tasks_(loop.get_executor()) {}

HostProcess::~HostProcess() = default;

void HostProcess::spawn(const HostCommand& command) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0) {
    throw Failure(std::string("no socket pair: ") + std::strerror(errno));
  }
  socket_.assign(asio::local::stream_protocol(), ends[0]);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);

  const runtime::SpawnRequest request = host_request(
      command, "--serve", plugin_file_,
      {{nothing, 0}, {stdout_.write_end(), 1}, {stderr_.write_end(), 2}, {ends[1], 3}});
  limits_ = command.limits;
  try {
    child_.emplace(runtime::ChildProcess::spawn(loop_, request));
  } catch (...) {
    ::close(ends[1]);
    ::close(nothing);
    throw;
  }
  ::close(ends[1]);
  ::close(nothing);
  stdout_.close_write_end();
  stderr_.close_write_end();
  tasks_.spawn(read_messages());
  tasks_.spawn(stdout_.read());
  tasks_.spawn(stderr_.read());
  tasks_.spawn(watch_end());
}

awaitable<std::shared_ptr<HostProcess>> HostProcess::start(asio::io_context& loop,
                                                           HostCommand command,
                                                           std::string plugin_file) {
  std::shared_ptr<HostProcess> host(new HostProcess(loop, std::move(plugin_file)));
  host->spawn(command);
  const auto deadline = runtime::Clock::now() + command.start_limit;
  const bool in_time = co_await runtime::Event::wait_either(host->news_, host->ended_, deadline);
  if (host->ready_) co_return host;
  std::string reason = in_time ? "it ended while loading the plugin" : "it did not load in time";
  if (!host->refused_.empty()) reason = host->refused_;
  if (in_time && host->ended_.raised()) {
    reason += " (" + host->child_->status().text() + ")";
  }
  const std::string printed = as_utf8(host->tail_.text());
  if (!printed.empty()) reason += ", having printed: " + printed;
  co_await host->close();
  throw Failure("cannot start an action host for " + host->plugin_file_ + ": " + reason);
}

bool HostProcess::reusable() const {
  // With its output closed, the next job's would be lost.
  const bool speaks = !stdout_.has_ended() && !stderr_.has_ended();
  return !broken_ && !worn_ && speaks && listener_ == nullptr && !ended_.raised();
}

awaitable<HostRunEnd> HostProcess::run(RunMessage message, HostListener& listener) {
  JE_CHECK(listener_ == nullptr, "one job at a time");
  finish_output();  // of strays of the last job
  tail_.forget();
  listener_ = &listener;
  result_.reset();
  news_.reset();
  ++jobs_run_;
  send(std::move(message));
  co_await runtime::Event::wait_either(news_, ended_, runtime::TimePoint::max());
  listener_ = nullptr;
  HostRunEnd end;
  end.result = std::move(result_);
  end.output = tail_.text();
  if (end.result) {
    renew_lease(0);
    if (end.result->outcome == JE_OUTCOME_FAILED) {
      const std::string said = end.result->message;
      end.result->message = with_memory_limit(std::move(end.result->message), said, limits_);
    }
  } else {
    co_await ended_.wait();
    end.output = tail_.text();
    end.breakdown = with_memory_limit(breakdown(), end.output, limits_);
  }
  co_return end;
}

std::string HostProcess::breakdown() const {
  HostEnd end;
  end.status = child_->status();
  end.given_up = broken_reason_;
  end.replaced_by = replaced_by_;
  return breakdown_text(end);
}

void HostProcess::ask_to_stop() {
  send(StopMessage());
}

void HostProcess::signal(int number) {
  child_->signal_group(number);
}

void HostProcess::renew_lease(LeaseStamp lease) {
  send(LeaseMessage{lease});
}

void HostProcess::answer(ApiAnswerMessage answer) {
  if (answer.body.size() > longest_line / 2) {
    answer.status = 0;
    answer.body =
        "the answer is too large for an action: " + std::to_string(answer.body.size()) + " bytes";
  }
  send(std::move(answer));
}

awaitable<void> HostProcess::close() {
  child_->signal_group(SIGKILL);
  co_await ended_.wait();
  boost::system::error_code ignored;
  socket_.close(ignored);
  stdout_.close();
  stderr_.close();
  co_await tasks_.join();
}

void HostProcess::send(ToHost message) {
  if (broken_) return;
  unsent_.push_back(encode(message));
  if (writing_) return;
  writing_ = true;
  tasks_.spawn(write_messages());
}

awaitable<void> HostProcess::write_messages() {
  boost::system::error_code error;
  while (!unsent_.empty() && !error) {
    const std::string line = std::move(unsent_.front());
    unsent_.pop_front();
    const auto buffer = asio::buffer(line);
    co_await asio::async_write(socket_, buffer, asio::redirect_error(use_awaitable, error));
  }
  // An error means that the host has ended, which read_messages and watch_end see themselves.
  writing_ = false;
}

awaitable<void> HostProcess::read_messages() {
  LineBuffer lines;
  std::string bytes(64UL * 1024, '\0');
  boost::system::error_code error;
  while (!error) {
    const auto buffer = asio::buffer(bytes);
    const std::size_t size =
        co_await socket_.async_read_some(buffer, asio::redirect_error(use_awaitable, error));
    try {
      lines.append(std::string_view(bytes).substr(0, size));
      while (auto line = lines.next()) accept(decode_from_host(*line));
    } catch (const std::exception& failure) {
      break_off(std::string("its host sent ") + failure.what());
      break;
    }
  }
  broken_ = true;
  heard_all_.raise();
  co_await end_unless_ended();
}

// A process that has closed its end of the conversation, and lives on, is of no use to anybody.
awaitable<void> HostProcess::end_unless_ended() {
  note_replacement();
  constexpr auto its_last_steps = std::chrono::milliseconds(5);
  const bool ended = co_await child_->exited().wait_for(its_last_steps);
  if (ended) co_return;
  note_replacement();
  constexpr auto grace = std::chrono::milliseconds(200);
  const bool ended_late = co_await child_->exited().wait_for(grace);
  if (ended_late || !broken_reason_.empty()) co_return;
  break_off(
      "descriptors its host needs were closed, such as its connection to the executor (3), and it "
      "lived on");
}

// A process keeps its number when it executes another program.
void HostProcess::note_replacement() {
  const std::string program = program_of(child_->pid());
  if (program.empty() || program == program_ || child_->exited().raised()) return;
  replaced_by_ = program.substr(program.rfind('/') + 1);
}

// The end of a host is complete when it is reaped and its last words are read.
awaitable<void> HostProcess::watch_end() {
  co_await child_->exited().wait();
  co_await end_orphans();
  const auto deadline = runtime::Clock::now() + last_words;
  co_await heard_all_.wait_until(deadline);
  co_await stdout_.ended().wait_until(deadline);
  co_await stderr_.ended().wait_until(deadline);
  finish_output();
  broken_ = true;
  ended_.raise();
}

void HostProcess::accept(FromHost message) {
  if (auto* ready = std::get_if<ReadyMessage>(&message)) {
    if (ready_) throw Failure("a second message ready");
    ready_ = std::move(*ready);
    program_ = program_of(child_->pid());
    news_.raise();
    return;
  }
  if (auto* refused = std::get_if<RefusedMessage>(&message)) {
    refused_ = refused->reason;
    if (listener_ != nullptr) broken_reason_ = "its plugin " + refused_;
    return;  // its end follows
  }
  if (listener_ == nullptr) return;  // stray threads of an earlier job
  if (auto* result = std::get_if<ResultMessage>(&message)) {
    worn_ = worn_ || !result->worn.empty();
    if (!result->worn.empty()) {
      telemetry::info("an action host is replaced",
                      {{"plugin", plugin_file_}, {"reason", result->worn}});
    }
    result_ = std::move(*result);
    finish_output();  // it was printed before the action returned
    news_.raise();
    return;
  }
  hand_to(*listener_, std::move(message));
}

void HostProcess::printed(OutputStream stream, std::string_view line) {
  tail_.keep(line);
  if (listener_ != nullptr) {
    listener_->on_output(stream, line);
  } else if (telemetry::logs(telemetry::Level::Debug)) {
    telemetry::debug("an action host printed", {{"plugin", plugin_file_}, {"line", as_utf8(line)}});
  }
}

void HostProcess::finish_output() {
  stdout_.finish();
  stderr_.finish();
}

void HostProcess::break_off(const std::string& reason) {
  broken_ = true;
  broken_reason_ = reason;
  child_->signal_group(SIGKILL);
}

}  // namespace jobengine::executor
