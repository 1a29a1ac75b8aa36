// How what several callers want done at the same moment shares a multi.
#include <deque>
#include <utility>

#include "common/queue/queue_core.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::MultiReply;
using zookeeper::ZnodeError;

struct SentBatch {
  MultiBatch batch;
  awaitable<MultiReply> reply;
};

// What a caller waits for.
struct Answer {
  MultiReply reply;
  runtime::Event came;
};

// About a full batch: an offer has two or three operations.
constexpr std::size_t many_offers = most_operations / 2;

}  // namespace

awaitable<MultiReply> QueueCore::send(std::vector<zookeeper::Operation> operations,
                                      zookeeper::Epoch only_in) {
  ++counters_.multis;
  counters_.multi_operations += operations.size();
  return session().multi(std::move(operations), only_in);
}

// Returns when every offer has its answer.
awaitable<void> QueueCore::deliver(std::vector<Offer> offers) {
  auto self = shared_from_this();
  std::vector<MultiBatch> to_send = batches_of(std::move(offers));
  std::deque<SentBatch> sent;
  while (!to_send.empty() || !sent.empty()) {
    for (MultiBatch& batch : to_send) {
      if (closed()) {
        refuse(std::move(batch), ZnodeError::SessionLost);
        continue;
      }
      auto reply = send(operations_of(batch), batch.offers.front().epoch);
      sent.push_back(SentBatch{std::move(batch), std::move(reply)});
    }
    to_send.clear();
    if (sent.empty()) break;
    SentBatch first = std::move(sent.front());
    sent.pop_front();
    auto reply = co_await std::move(first.reply);
    to_send = settle(std::move(first.batch), std::move(reply));
  }
}

awaitable<MultiReply> QueueCore::share(std::vector<zookeeper::Operation> operations,
                                       zookeeper::Epoch only_in) {
  auto self = shared_from_this();
  if (closed()) session_is_closed();
  const auto answer = std::make_shared<Answer>();
  Offer offer;
  offer.operations = std::move(operations);
  offer.epoch = only_in;
  offer.answered = [answer](MultiReply reply) {
    answer->reply = std::move(reply);
    answer->came.raise();
  };
  gathered_.push_back(std::move(offer));
  auto loop = co_await asio::this_coro::executor;
  if (finishers_.may_begin(gathered_.size() >= many_offers)) spawn(loop, send_gathered());
  co_await answer->came.wait();
  co_return std::move(answer->reply);
}

awaitable<void> QueueCore::send_gathered() {
  auto self = shared_from_this();
  auto loop = co_await asio::this_coro::executor;
  finishers_.began();
  while (!gathered_.empty()) {
    const auto end = gathered_.begin() + static_cast<std::ptrdiff_t>(fitting(gathered_));
    std::vector<Offer> offers(std::make_move_iterator(gathered_.begin()),
                              std::make_move_iterator(end));
    gathered_.erase(gathered_.begin(), end);
    if (!gathered_.empty() && finishers_.may_begin(gathered_.size() >= many_offers))
      spawn(loop, send_gathered());
    co_await deliver(std::move(offers));
  }
  finishers_.ended();
}

}  // namespace jobengine::queue
