#include "api/store/writing_thread.hpp"

#include "common/runtime/failure.hpp"

namespace jobengine::api::store {
namespace {

// A batch larger than this only makes its callers wait longer: the fsync is shared widely enough.
constexpr std::size_t max_batch = 512;

}  // namespace

WritingThread::WritingThread(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)), writer_(*connection_), thread_([this] { run(); }) {}

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
    queue_.push_back(std::move(write));
  }
  changed_.notify_one();
}

void WritingThread::run() {
  for (;;) {
    std::vector<Write> batch;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty() || writer_.logs_left(); });
      if (queue_.empty() && stopping_) return;
      if (queue_.size() <= max_batch) {
        batch.swap(queue_);
      } else {
        const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(max_batch);
        batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
        queue_.erase(queue_.begin(), end);
      }
    }
    if (!batch.empty()) write_batch(batch);
    if (writer_.logs_left()) sweep_logs();
  }
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

void WritingThread::write_batch(std::vector<Write>& batch) {
  std::vector<std::exception_ptr> failures(batch.size());
  const bool observed = observer_.interested && observer_.interested();
  writer_.gather_changes(observed);
  try {
    while (!attempt(batch, failures)) {
    }
    if (observed) observer_.committed(writer_.changes());
  } catch (...) {
    writer_.roll_back();
    const auto reason = runtime::describe(std::current_exception());
    const auto unavailable =
        std::make_exception_ptr(StoreUnavailable("the store cannot write: " + reason));
    for (auto& failure : failures) {
      if (!failure) failure = unavailable;
    }
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].apply = nullptr;  // what it holds is the caller's, and goes on the caller's thread
    batch[i].complete(failures[i]);
  }
}

bool WritingThread::attempt(std::vector<Write>& batch, std::vector<std::exception_ptr>& failures) {
  writer_.begin();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (failures[i]) continue;
    try {
      batch[i].apply(writer_);
    } catch (const SqliteError& error) {
      if (error.cause() == SqliteError::Cause::Unavailable) throw;
      failures[i] = std::make_exception_ptr(
          runtime::Failure(std::string("the store refused a change: ") + error.what()));
    } catch (...) {
      failures[i] = std::current_exception();
    }
    if (failures[i]) {
      writer_.roll_back();
      return false;
    }
  }
  writer_.commit();
  return true;
}

}  // namespace jobengine::api::store
