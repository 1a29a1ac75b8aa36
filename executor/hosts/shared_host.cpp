#include "executor/hosts/shared_host.hpp"

#include <jobengine/plugin_abi.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>

#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"
#include "executor/action_host/job_callbacks.hpp"
#include "executor/action_host/message_sink.hpp"
#include "executor/hosts/small_thread.hpp"

namespace jobengine::executor {

namespace {

using runtime::Failure;

// Only the memory an action touches is taken. Sanitizers make frames several times as large.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t stack_size = 2048UL * 1024;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::size_t stack_size = 2048UL * 1024;
#else
constexpr std::size_t stack_size = 256UL * 1024;
#endif
#else
constexpr std::size_t stack_size = 256UL * 1024;
#endif

}  // namespace

// What the loop and the thread share. Runs go one way, messages the other.
class SharedHost::Thread final : public MessageSink, public std::enable_shared_from_this<Thread> {
 public:
  Thread(asio::io_context& loop, std::shared_ptr<SharedThreads> threads, std::string plugin_file)
      : loop_(loop), threads_(std::move(threads)), plugin_file_(std::move(plugin_file)) {}

  StopFlag stop;
  AnswerBook answers;

  // ---- on the loop
  void start(const std::shared_ptr<SharedHost>& host) {
    host_ = host;
    thread_.emplace(stack_size, [self = shared_from_this()] { self->serve(); });
  }
  // Notified without the mutex: who is woken wants it at once.
  void put(RunMessage run) {
    {
      const std::lock_guard lock(mutex_);
      run_ = std::move(run);
    }
    changed_.notify_one();
  }
  // It ends when the action it runs has returned.
  void end() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_one();
  }
  // Blocks for the moment that a thread which is `over` takes to return; one that is not goes on.
  void leave(bool over) {
    if (!thread_) return;
    if (over) {
      thread_->join();
      return;
    }
    thread_->detach();
    const std::lock_guard lock(mutex_);
    posted_ = true;  // the loop may be gone by then
  }

  // ---- on any thread
  void send(FromHost message) override {
    const std::lock_guard lock(mutex_);
    waiting_.add(std::move(message));
    post_delivery();
  }

 private:
  void serve() {
    try {
      const std::unique_ptr<PluginLibrary> actions = threads_->code.make_actions(plugin_file_);
      for (const Manifest& manifest : actions->manifests()) {
        if (manifest.isolation == Isolation::Shared) asking_.insert(manifest.name);
      }
      send(ReadyMessage());
      while (std::optional<RunMessage> run = next()) send(perform(*actions, std::move(*run)));
    } catch (...) {
      send(RefusedMessage{runtime::describe(std::current_exception())});
    }
    const std::lock_guard lock(mutex_);
    over_ = true;
    post_delivery();
  }

  ResultMessage perform(const PluginLibrary& actions, RunMessage run) {
    // The file may be another one than that which was described.
    const je_action* action = actions.find(run.action);
    if (action == nullptr || !asking_.contains(run.action)) {
      ResultMessage refusal;
      refusal.outcome = JE_OUTCOME_FAILED;
      refusal.message =
          plugin_file_ + " has no action " + run.action + " of isolation shared any more";
      refusal.worn = refusal.message;
      return refusal;
    }
    JobContext context(std::move(run), *this, stop, answers);
    return context.run(*action);
  }

  // Nothing: the host is closed.
  std::optional<RunMessage> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return run_ || ending_; });
    return std::exchange(run_, std::nullopt);
  }

  // At most one delivery is under way, however much is said. The mutex is held.
  void post_delivery() {
    if (std::exchange(posted_, true)) return;
    asio::post(loop_, [self = shared_from_this()] { self->deliver(); });
  }

  // On the loop.
  void deliver() {
    std::unique_lock lock(mutex_);
    posted_ = false;
    std::deque<FromHost> messages = waiting_.take();
    const bool over = over_;
    lock.unlock();
    const std::shared_ptr<SharedHost> host = host_.lock();
    if (!host) return;
    for (FromHost& message : messages) host->accept(std::move(message));
    if (over) host->end();
  }

  // Constant once the thread runs.
  asio::io_context& loop_;
  std::shared_ptr<SharedThreads> threads_;
  std::string plugin_file_;

  // The thread's.
  std::set<std::string> asking_;  // the file's actions of isolation shared

  // The loop's.
  std::weak_ptr<SharedHost> host_;
  std::optional<SmallThread> thread_;

  std::mutex mutex_;  // guards what is below
  std::condition_variable changed_;
  std::optional<RunMessage> run_;
  bool ending_ = false;
  WaitingMessages waiting_;
  bool posted_ = false;
  bool over_ = false;
};

SharedHost::SharedHost(std::shared_ptr<SharedThreads> threads, std::string plugin_file)
    : threads_(std::move(threads)), plugin_file_(std::move(plugin_file)) {}

awaitable<std::shared_ptr<SharedHost>> SharedHost::start(asio::io_context& loop,
                                                         std::shared_ptr<SharedThreads> threads,
                                                         std::string plugin_file,
                                                         runtime::Duration limit) {
  const std::string failure = "cannot run actions of " + plugin_file + " in a thread: ";
  // Its thread would wait behind that one, and so would those of all further jobs.
  if (threads->loading_late) throw Failure(failure + "another plugin is still being loaded");
  std::shared_ptr<SharedHost> host(new SharedHost(std::move(threads), std::move(plugin_file)));
  host->thread_ = std::make_shared<Thread>(loop, host->threads_, host->plugin_file_);
  host->thread_->start(host);
  host->threads_->add_busy();
  const auto deadline = runtime::Clock::now() + limit;
  const bool in_time = co_await runtime::Event::wait_either(host->news_, host->ended_, deadline);
  if (host->ready_) {
    host->threads_->remove_busy();
    co_return host;
  }
  if (!in_time) {
    host->loads_late_ = host;
    host->threads_->loading_late = true;
    host->count_as_stuck();
    throw Failure(failure + "it did not load in time");
  }
  co_await host->close();
  host->threads_->remove_busy();
  throw Failure(failure + "the plugin " + host->refused_);
}

SharedHost::~SharedHost() {
  if (!thread_) return;
  thread_->end();
  thread_->leave(ended_.raised());
}

bool SharedHost::reusable() const {
  return ready_ && !worn_ && listener_ == nullptr && !ended_.raised();
}

awaitable<HostRunEnd> SharedHost::run(RunMessage message, HostListener& listener) {
  JE_CHECK(listener_ == nullptr, "one job at a time");
  listener_ = &listener;
  result_.reset();
  news_.reset();
  ++jobs_run_;
  threads_->add_busy();
  threads_->set_lease(this, message.lease);
  thread_->stop.reset();
  thread_->put(std::move(message));
  co_await runtime::Event::wait_either(news_, ended_, runtime::TimePoint::max());
  listener_ = nullptr;
  threads_->set_lease(this, 0);
  threads_->remove_busy();
  not_stuck_any_more();
  HostRunEnd end;
  end.result = std::move(result_);
  if (!end.result) end.breakdown = "The action broke its thread: " + refused_;
  co_return end;
}

void SharedHost::ask_to_stop() {
  thread_->stop.raise();
}

void SharedHost::count_as_stuck() {
  if (!std::exchange(stuck_, true)) threads_->add_stuck();
}

void SharedHost::not_stuck_any_more() {
  if (std::exchange(stuck_, false)) threads_->remove_stuck();
}

void SharedHost::renew_lease(LeaseStamp lease) {
  if (listener_ != nullptr) threads_->set_lease(this, lease);
}

void SharedHost::answer(ApiAnswerMessage answer) {
  thread_->answers.put(std::move(answer));
}

awaitable<void> SharedHost::close() {
  thread_->end();
  co_await ended_.wait();
}

void SharedHost::accept(FromHost message) {
  if (std::holds_alternative<ReadyMessage>(message)) {
    ready_ = true;
    news_.raise();
    if (loads_late_) thread_->end();
    return;
  }
  if (auto* refused = std::get_if<RefusedMessage>(&message)) {
    refused_ = std::move(refused->reason);
    return;  // its end follows
  }
  if (listener_ == nullptr) return;  // stray threads of an earlier job
  if (auto* result = std::get_if<ResultMessage>(&message)) {
    worn_ = worn_ || !result->worn.empty();
    result_ = std::move(*result);
    news_.raise();
    return;
  }
  hand_to(*listener_, std::move(message));
}

// The thread is about to return.
void SharedHost::end() {
  ended_.raise();
  if (!loads_late_) return;
  threads_->loading_late = false;
  threads_->remove_busy();
  not_stuck_any_more();
  loads_late_.reset();
}

}  // namespace jobengine::executor
