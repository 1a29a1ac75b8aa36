#include "api/events/hub.hpp"

#include <algorithm>

namespace jobengine::api::events {

// Where the store's thread leaves news for one loop.
struct Hub::Mailbox : std::enable_shared_from_this<Hub::Mailbox> {
  Mailbox(Interest wanted, runtime::Executor executor, Tell teller)
      : interest(std::move(wanted)), loop(std::move(executor)), tell(std::move(teller)) {}

  const Interest interest;

  std::mutex mutex;  // guards these; held for moments, so that no post meets a loop that is gone
  bool open = true;
  bool posted = false;
  News news;
  runtime::Executor loop;

  Tell tell;  // loop only

  enum class Wanted { ById, AsOneOfMany };
  void leave(const Change& change, Wanted wanted) {
    const std::lock_guard lock(mutex);
    if (!open) return;
    if (wanted == Wanted::ById) {
      std::erase_if(news.changes, [&](const Change& older) { return older.id() == change.id(); });
    } else if (news.changes.size() >= most_waiting_changes) {
      news.changes.clear();
      news.lost = true;
    }
    news.changes.push_back(change);
    if (posted) return;
    posted = true;
    asio::post(loop, [self = shared_from_this()] { self->deliver(); });
  }

  void deliver() {
    News delivered;
    {
      const std::lock_guard lock(mutex);
      posted = false;
      delivered = std::exchange(news, News());
    }
    if (tell) tell(std::move(delivered));
  }

  void close() {
    const std::lock_guard lock(mutex);
    open = false;
    news = News();
    loop = runtime::Executor();
  }
};

Hub::Subscription::Subscription(Hub* hub, std::shared_ptr<Mailbox> mailbox)
    : hub_(hub), mailbox_(std::move(mailbox)) {}

Hub::Subscription::Subscription(Subscription&& other) noexcept
    : hub_(other.hub_), mailbox_(std::move(other.mailbox_)) {}

Hub::Subscription& Hub::Subscription::operator=(Subscription&& other) noexcept {
  if (this == &other) return *this;
  end();
  hub_ = other.hub_;
  mailbox_ = std::move(other.mailbox_);
  return *this;
}

Hub::Subscription::~Subscription() {
  end();
}

void Hub::Subscription::end() noexcept {
  if (!mailbox_) return;
  hub_->unsubscribe(mailbox_);
  mailbox_->tell = nullptr;
  mailbox_.reset();
}

store::CommitObserver Hub::observer() {
  store::CommitObserver observer;
  observer.interested = [this] { return subscriptions_.load() > 0; };
  observer.committed = [this](const std::vector<store::Committed>& changes) { committed(changes); };
  return observer;
}

Hub::Subscription Hub::subscribe(Interest interest, runtime::Executor loop, Tell tell) {
  auto mailbox = std::make_shared<Mailbox>(std::move(interest), std::move(loop), std::move(tell));
  const auto& wanted = mailbox->interest;
  const std::lock_guard lock(mutex_);
  for (const auto& id : wanted.ids) by_id_.emplace(id, mailbox);
  if (!wanted.collection.empty()) by_collection_.emplace(wanted.collection, mailbox);
  ++subscriptions_;
  return {this, std::move(mailbox)};
}

void Hub::unsubscribe(const std::shared_ptr<Mailbox>& mailbox) noexcept {
  const auto leave = [&](Index& index, const std::string& key) {
    auto [at, end] = index.equal_range(key);
    while (at != end) at = at->second == mailbox ? index.erase(at) : std::next(at);
  };
  {
    const std::lock_guard lock(mutex_);
    for (const auto& id : mailbox->interest.ids) leave(by_id_, id);
    leave(by_collection_, mailbox->interest.collection);
    --subscriptions_;
  }
  mailbox->close();
}

void Hub::committed(const std::vector<store::Committed>& changes) {
  if (changes.empty()) return;
  const auto batch = std::make_shared<const Change::Batch>(changes);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < batch->size(); ++i) {
    const Change change(batch, i);
    const auto& id = change.id();
    const auto [first, last] = by_id_.equal_range(id);
    for (auto at = first; at != last; ++at) at->second->leave(change, Mailbox::Wanted::ById);
    if (by_collection_.empty() || (*batch)[i].log) continue;
    const auto [from, to] = by_collection_.equal_range(id.substr(0, id.find('/')));
    for (auto at = from; at != to; ++at) at->second->leave(change, Mailbox::Wanted::AsOneOfMany);
  }
}

}  // namespace jobengine::api::events
