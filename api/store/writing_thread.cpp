#include "api/store/writing_thread.hpp"

#include <malloc.h>

#include "common/runtime/failure.hpp"

namespace jobengine::api::store {
namespace {

// A batch larger than this only makes its callers wait longer: the fsync is shared widely enough.
constexpr std::size_t max_batch = 512;
// Takes some milliseconds to write.
constexpr std::size_t many_documents = 50;
// Rounds of `between_probes` without a write, until memory is given back.
constexpr int rounds_to_rest = 5;
// While writes fail and nobody tries one.
constexpr auto between_probes = std::chrono::seconds(1);

StoreUnavailable reason_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const SqliteError& error) {
    return store_unavailable(error, "the store cannot write: ");
  } catch (...) {
    return {StoreUnavailable::Cause::Failing,
            "the store cannot write: " + runtime::describe(failure)};
  }
}

}  // namespace

WritingThread::WritingThread(std::unique_ptr<Connection> connection, std::size_t most_waiting,
                             WriteHealth& health)
    : connection_(std::move(connection)),
      writer_(*connection_),
      most_waiting_(most_waiting),
      health_(health),
      thread_([this] { run(); }) {}

WritingThread::~WritingThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void WritingThread::observe(CommitObserver observer) {
  observer_ = std::move(observer);
}

void WritingThread::enqueue(Write write) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting() >= most_waiting_) {
      const auto given_up = [](const Write& one) -> bool { return one.caller->given_up(); };
      std::erase_if(queue_, given_up);
      std::erase_if(large_, given_up);
    }
    if (waiting() >= most_waiting_) {
      throw StoreUnavailable(
          StoreUnavailable::Cause::Busy,
          "Too many writes wait: " + std::to_string(waiting()) + ". Try again later.");
    }
    if (write.documents >= many_documents) {
      large_.push_back(std::move(write));
    } else {
      queue_.push_back(std::move(write));
    }
  }
  changed_.notify_one();
}

void WritingThread::run() {
  for (std::vector<Write> batch; next(batch); batch.clear()) {
    if (!batch.empty()) {
      idle_rounds_ = 0;
      write_batch(batch);
    } else if (health_.troubled()) {
      probe();
    }
    if (writer_.logs_left()) {
      sweep_logs();
    } else if (batch.empty() && ++idle_rounds_ == rounds_to_rest) {
      rest();
    }
  }
}

// After a burst most of what it took lies free, in pages of the cache and in arenas of all threads.
void WritingThread::rest() {
  writer_.rest();
  connection_->release_memory();
  malloc_trim(0);
}

bool WritingThread::next(std::vector<Write>& batch) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, between_probes,
                    [this] { return stopping_ || waiting() > 0 || writer_.logs_left(); });
  if (waiting() == 0) return !stopping_;
  large_last_ = !large_.empty() && (queue_.empty() || !large_last_);
  if (large_last_) {
    batch.push_back(std::move(large_.front()));
    large_.pop_front();
    return true;
  }
  if (queue_.size() <= max_batch) {
    batch.swap(queue_);
    return true;
  }
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(max_batch);
  batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  return true;
}

void WritingThread::sweep_logs() {
  try {
    writer_.begin();
    writer_.sweep_logs();
    writer_.commit();
  } catch (const std::exception&) {
    // Nobody waits for it: tried again when the next job goes, or after a restart.
    writer_.roll_back();
    writer_.leave_logs();
  }
}

void WritingThread::probe() {
  try {
    writer_.begin();
    // SQLite writes nothing for a value that stays the same.
    writer_.put_setting("probe", std::to_string(++probes_));
    writer_.commit();
    health_.succeeded();
  } catch (const std::exception&) {
    writer_.roll_back();
    health_.failed(reason_of(std::current_exception()), 0);
  }
}

void WritingThread::write_batch(std::vector<Write>& batch) {
  std::vector<std::exception_ptr> failures(batch.size());
  const bool observed = observer_.interested && observer_.interested();
  writer_.gather_changes(observed);
  try {
    while (!attempt(batch, failures)) {
    }
    if (observed) observer_.committed(writer_.changes());
    health_.succeeded();
  } catch (...) {
    writer_.roll_back();
    const auto reason = reason_of(std::current_exception());
    std::size_t refused = 0;
    for (auto& failure : failures) {
      if (failure) continue;
      failure = std::make_exception_ptr(reason);
      ++refused;
    }
    health_.failed(reason, refused);
  }
  std::vector<HandedOver::Finished> finished;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].apply = nullptr;  // what it holds is the caller's, and goes on the caller's thread
    finished.push_back({std::move(batch[i].caller), failures[i]});
  }
  HandedOver::finish(std::move(finished));
}

bool WritingThread::attempt(std::vector<Write>& batch, std::vector<std::exception_ptr>& failures) {
  // Before anybody is asked: a lock that another program holds is waited for here.
  writer_.begin();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (failures[i]) continue;
    try {
      auto& write = batch[i];
      if (!write.begun) write.begun = write.caller->begin();
      if (!write.begun) throw runtime::Failure("nobody waits for this change any more");
      write.apply(writer_);
      continue;
    } catch (const SqliteError& error) {
      if (error.unavailable()) throw;
      failures[i] = std::make_exception_ptr(
          runtime::Failure(std::string("the store refused a change: ") + error.what()));
    } catch (...) {
      failures[i] = std::current_exception();
    }
    if (!batch[i].begun) continue;
    writer_.roll_back();
    return false;
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!failures[i]) batch[i].caller->end_alone();
  }
  writer_.commit();
  return true;
}

}  // namespace jobengine::api::store
