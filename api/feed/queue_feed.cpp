#include "api/feed/queue_feed.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/feed/feed_plan.hpp"
#include "common/runtime/backoff.hpp"
#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api::feed {
namespace {

// Jobs pushed in one go: a few multis, and one transaction of the store behind them.
constexpr std::int64_t largest_batch = 500;
// How long a depth that was read is believed while only we push: others may push too.
constexpr auto depth_believed = std::chrono::seconds(1);
// A listing of a full queue costs milliseconds; an urgent job waits at most this long for it.
constexpr auto listing_believed = std::chrono::milliseconds(500);
// Of a full queue, however fast jobs are submitted.
constexpr auto between_looks = std::chrono::milliseconds(5);
// The figures are brought up to date this often; counting a million waiting jobs is not free.
constexpr auto idle_round = std::chrono::seconds(5);
constexpr std::size_t readers = 32;

}  // namespace

struct QueueFeed::State {
  zookeeper::Session& session;
  queue::LockingQueue& queue;
  store::Store& store;
  QueueFeedOptions options;
  runtime::Executor loop;
  runtime::TaskGroup tasks;
  runtime::Event wanted;
  runtime::Event stopping;
  runtime::Backoff backoff{runtime::BackoffLimits{}};
  telemetry::Gauge& depth_gauge;
  telemetry::Gauge& waiting_gauge;
  telemetry::Counter& pushed;

  std::atomic<bool> announced{false};  // set by the io threads: `wanted` is about to be raised

  // Entries in the queue as last read, plus what we pushed since.
  QueueLook look;
  runtime::TimePoint depth_read;
  runtime::TimePoint listed;
  std::optional<int> least_urgent_listed;
  bool pushed_by_old_listing = false;
  runtime::TimePoint counted;
  // Entries may be there that the store does not know of: look before pushing.
  bool must_look = true;

  State(asio::io_context& context, zookeeper::Session& its_session, queue::LockingQueue& its_queue,
        store::Store& its_store, telemetry::Metrics& metrics, QueueFeedOptions its_options)
      : session(its_session),
        queue(its_queue),
        store(its_store),
        options(its_options),
        loop(context.get_executor()),
        tasks(loop),
        depth_gauge(metrics.gauge("jobengine_queue_entries", "Entries in the queue")),
        waiting_gauge(metrics.gauge("jobengine_api_jobs_awaiting_entry",
                                    "Stored jobs that have no queue entry yet")),
        pushed(metrics.counter("jobengine_api_entries_pushed_total", "Queue entries made")) {}

  awaitable<void> count_waiting();
  awaitable<void> run();
  awaitable<void> round();
  awaitable<std::vector<store::AwaitingEntry>> candidates();
  awaitable<void> read_depth();
  awaitable<void> list_least_urgent();
  awaitable<void> adopt_entries();
  awaitable<void> push(std::vector<store::AwaitingEntry> due);
};

awaitable<void> QueueFeed::State::count_waiting() {
  const auto now = runtime::Clock::now();
  if (now - counted < idle_round) co_return;
  counted = now;
  const auto count = co_await store.awaiting_count();
  waiting_gauge.set(static_cast<double>(count));
}

awaitable<void> QueueFeed::State::run() {
  while (!stopping.raised()) {
    const auto patience = runtime::Clock::now() + idle_round;
    const bool connected = co_await session.connected(patience);
    if (stopping.raised()) break;
    std::string trouble;
    bool told = false;
    try {
      co_await count_waiting();
      if (!connected) continue;
      co_await round();
      backoff.reset();
    } catch (const store::StoreUnavailable& failure) {
      trouble = failure.what();
      must_look = true;  // some of what was pushed may not be noted
      told = true;       // by the store itself
    } catch (const std::exception& failure) {
      trouble = failure.what();
      must_look = true;
    }
    if (trouble.empty() || stopping.raised()) continue;
    telemetry::log(told ? telemetry::Level::Debug : telemetry::Level::Warning,
                   "queue entries could not be made", {{"error", trouble}});
    const auto delay = backoff.next();
    co_await runtime::pause(delay, stopping);
  }
}

// What may be pushed now, most urgent first, and one more when there is one: while the queue is
// full only the first job that waits is looked at, however many there are.
awaitable<std::vector<store::AwaitingEntry>> QueueFeed::State::candidates() {
  const bool full = look.depth >= options.capacity;
  if (full || runtime::Clock::now() - depth_read > depth_believed) co_await read_depth();
  const std::size_t room = look.depth < options.capacity ? options.capacity - look.depth : 0;
  const auto most = std::min<std::int64_t>(static_cast<std::int64_t>(room) + 1, largest_batch);
  auto waiting = co_await store.awaiting_entries(most);
  if (!waiting.empty() && must_look) {
    co_await adopt_entries();
    if (stopping.raised()) co_return std::vector<store::AwaitingEntry>();
    waiting = co_await store.awaiting_entries(most);
  }
  must_look = false;
  look.least_urgent.reset();
  if (waiting.empty() || room > 0) co_return waiting;
  const int priority = waiting.front().priority;
  const bool old = runtime::Clock::now() - listed >= listing_believed;
  const bool seems_urgent = least_urgent_listed && priority < *least_urgent_listed;
  if (old && seems_urgent && !pushed_by_old_listing) {
    // One job does not wait for the listing that the next has to wait for.
    pushed_by_old_listing = true;
    look.least_urgent = least_urgent_listed;
    co_return waiting;
  }
  co_await list_least_urgent();
  look.least_urgent = least_urgent_listed;
  const bool urgent = look.least_urgent && priority < *look.least_urgent;
  if (urgent) waiting = co_await store.awaiting_entries(largest_batch);
  co_return waiting;
}

// Pushes what may be pushed, then waits for a reason to look again.
awaitable<void> QueueFeed::State::round() {
  wanted.reset();
  auto waiting = co_await candidates();
  if (stopping.raised()) co_return;
  const auto count = pushable(waiting, look, options.capacity);
  const bool some_wait = count < waiting.size();
  if (count > 0) {
    waiting.resize(count);
    co_await push(std::move(waiting));
    co_return;  // there may be more
  }
  const auto now = runtime::Clock::now();
  const auto next_look = some_wait ? options.look_again : runtime::Duration(idle_round);
  if (some_wait) co_await stopping.wait_until(now + between_looks);
  // A job that was just stored may be an urgent one.
  co_await runtime::Event::wait_either(wanted, stopping, now + next_look);
}

awaitable<void> QueueFeed::State::read_depth() {
  const auto depth = co_await queue.depth();
  look.depth = depth.entries;
  depth_read = runtime::Clock::now();
  depth_gauge.set(static_cast<double>(depth.entries));
}

awaitable<void> QueueFeed::State::list_least_urgent() {
  const auto now = runtime::Clock::now();
  if (now - listed >= listing_believed) {
    const auto entries = co_await queue.list();
    least_urgent_listed.reset();
    if (!entries.empty()) least_urgent_listed = entries.back().name.priority;
    listed = now;
    pushed_by_old_listing = false;
  }
}

// After a restart, and when the outcome of a push is not known: entries of jobs that still wait, as
// far as the store knows, are noted instead of made again. The listing comes before the store is
// asked: a job whose entry is consumed meanwhile does not wait any more then.
awaitable<void> QueueFeed::State::adopt_entries() {
  const auto entries = co_await queue.list();
  std::unordered_map<std::string, std::string> paths;
  std::size_t next = 0;
  auto read = [](State* self, const std::vector<queue::ListedEntry>* all, std::size_t* at,
                 std::unordered_map<std::string, std::string>* found) -> awaitable<void> {
    while (*at < all->size() && !self->stopping.raised()) {
      const auto& name = (*all)[(*at)++].name;
      const auto data = co_await self->queue.data_of(name);
      if (data) (*found)[*data] = "/job/entries/" + name.text();
    }
  };
  runtime::TaskGroup group(loop);
  for (std::size_t reader = 0; reader < std::min(readers, entries.size()); ++reader) {
    group.spawn(read(this, &entries, &next, &paths));
  }
  co_await group.join();
  std::vector<store::Store::EntryMade> made;
  // By the entries, of which there are few, and not by the waiting jobs, of which there may be a
  // million.
  for (const auto& [id, path] : paths) {
    const auto stored = co_await store.get(id);
    if (stored && stored->awaits_entry) made.push_back({id, path});
  }
  if (made.empty()) co_return;
  telemetry::info("jobs had their queue entries already", {{"jobs", made.size()}});
  co_await store.entries_made(std::move(made));
}

awaitable<void> QueueFeed::State::push(std::vector<store::AwaitingEntry> due) {
  std::vector<queue::PutRequest> requests;
  for (const auto& job : due) requests.push_back({job.id, job.priority});
  JE_CRASH_POINT("api.push.before");
  const auto replies = co_await queue.put_all(std::move(requests));
  JE_CRASH_POINT("api.push.after");
  std::vector<store::Store::EntryMade> made;
  for (std::size_t at = 0; at < replies.size(); ++at) {
    if (replies[at].outcome == queue::PutOutcome::Done) {
      made.push_back({due[at].id, replies[at].path});
    } else {
      must_look = true;
    }
  }
  look.depth += made.size();
  pushed.add(static_cast<double>(made.size()));
  co_await store.entries_made(std::move(made));
  JE_CRASH_POINT("api.push.noted");
}

QueueFeed::QueueFeed(asio::io_context& loop, zookeeper::Session& session,
                     queue::LockingQueue& queue, store::Store& store, telemetry::Metrics& metrics,
                     QueueFeedOptions options)
    : state_(std::make_unique<State>(loop, session, queue, store, metrics, options)) {}

QueueFeed::~QueueFeed() = default;

void QueueFeed::start() {
  state_->tasks.spawn(state_->run());
}

void QueueFeed::wanted() {
  if (state_->announced.exchange(true)) return;
  asio::post(state_->loop, [state = state_.get()] {
    state->announced = false;
    state->wanted.raise();
  });
}

void QueueFeed::ask_to_stop() {
  state_->stopping.raise();
}

awaitable<void> QueueFeed::joined() {
  return state_->tasks.join();
}

}  // namespace jobengine::api::feed
