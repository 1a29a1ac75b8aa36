// Passes on what the store commits to whoever is interested, each on its own loop. What a change
// costs does not depend on how many others are interested in other documents.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/store/store.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::api::events {

// One committed change, kept with the batch it came in.
class Change {
 public:
  using Batch = std::vector<store::Committed>;
  Change(std::shared_ptr<const Batch> batch, std::size_t index)
      : batch_(std::move(batch)), index_(index) {}
  const std::string& id() const { return (*batch_)[index_].id; }
  // nullptr: it was removed.
  const store::StoredDocument* after() const { return (*batch_)[index_].after.get(); }

 private:
  std::shared_ptr<const Batch> batch_;
  std::size_t index_;
};

struct News {
  // In the order of the commits; of what was asked for by id only the newest of each document.
  std::vector<Change> changes;
  // The loop was so busy that more gathered than is kept: earlier changes are missing.
  bool lost = false;
};
// Must not end its own subscription.
using Tell = std::function<void(News)>;

struct Interest {
  std::vector<std::string> ids;  // a few
  std::string collection;        // every document of it; "": none
};

// [any thread]; must outlive its subscriptions, and the store it observes must be gone before it.
class Hub {
 public:
  struct Mailbox;
  // Ends the interest when it goes: on the loop it was made for. Nothing is told afterwards.
  class Subscription {
   public:
    Subscription() = default;
    Subscription(Hub* hub, std::shared_ptr<Mailbox> mailbox);
    Subscription(Subscription&& other) noexcept;
    Subscription& operator=(Subscription&& other) noexcept;
    ~Subscription();

   private:
    void end() noexcept;
    Hub* hub_ = nullptr;
    std::shared_ptr<Mailbox> mailbox_;
  };

  Hub() = default;
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // For Store::observe().
  store::CommitObserver observer();

  // `tell` is called on `loop`. A transaction that runs already may not be told of: who wants to
  // miss nothing awaits an empty change() of the store, and reads then.
  [[nodiscard]] Subscription subscribe(Interest interest, runtime::Executor loop, Tell tell);

  std::size_t subscriptions() const { return subscriptions_.load(); }

 private:
  using Index = std::unordered_multimap<std::string, std::shared_ptr<Mailbox>>;
  void committed(const std::vector<store::Committed>& changes);
  void unsubscribe(const std::shared_ptr<Mailbox>& mailbox) noexcept;

  std::atomic<std::size_t> subscriptions_ = 0;  // asked for at each transaction, without the mutex
  std::mutex mutex_;                            // guards the rest
  Index by_id_;
  Index by_collection_;
};

// How many changes of a collection wait for a busy loop before they are given up.
inline constexpr std::size_t most_waiting_changes = 4096;

}  // namespace jobengine::api::events
