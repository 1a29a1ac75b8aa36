#include "common/queue/multi_batch.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace jobengine::queue {

namespace {

using zookeeper::MultiReply;
using zookeeper::ZnodeError;
using Place = std::vector<Offer>::difference_type;

// From this many failures on, a batch is halved.
constexpr int failures_together = 2;

std::size_t size_of(const Offer& offer) {
  std::size_t bytes = 0;
  for (const auto& operation : offer.operations) {
    bytes += operation.path.size() + operation.data.size() + operation_frame;
  }
  return bytes;
}

// The part of `reply` that is about the operations from `first` on.
MultiReply part_of(MultiReply& reply, std::size_t first, std::size_t count) {
  MultiReply part;
  part.error = reply.error;
  const auto begin = reply.results.begin() + static_cast<Place>(first);
  const auto end = begin + static_cast<Place>(count);
  part.results.assign(std::make_move_iterator(begin), std::make_move_iterator(end));
  return part;
}

std::vector<MultiBatch> again(MultiBatch rest, bool halved) {
  std::vector<MultiBatch> batches;
  if (rest.offers.empty()) return batches;
  if (halved && rest.offers.size() > 1) {
    MultiBatch second;
    second.failures = rest.failures;
    const auto middle = rest.offers.begin() + static_cast<Place>(rest.offers.size() / 2);
    second.offers.assign(std::make_move_iterator(middle),
                         std::make_move_iterator(rest.offers.end()));
    rest.offers.erase(middle, rest.offers.end());
    batches.push_back(std::move(rest));
    batches.push_back(std::move(second));
  } else {
    batches.push_back(std::move(rest));
  }
  return batches;
}

}  // namespace

std::size_t fitting(const std::vector<Offer>& offers) {
  std::size_t operations = 0;
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < offers.size()) {
    const Offer& offer = offers[count];
    operations += offer.operations.size();
    bytes += size_of(offer);
    const bool fits =
        operations <= most_operations && bytes <= most_bytes && offer.epoch == offers.front().epoch;
    if (count > 0 && !fits) break;
    ++count;
  }
  return count;
}

std::vector<MultiBatch> batches_of(std::vector<Offer> offers) {
  std::vector<MultiBatch> batches;
  while (!offers.empty()) {
    const auto end = offers.begin() + static_cast<Place>(fitting(offers));
    MultiBatch batch;
    batch.offers.assign(std::make_move_iterator(offers.begin()), std::make_move_iterator(end));
    offers.erase(offers.begin(), end);
    batches.push_back(std::move(batch));
  }
  return batches;
}

std::vector<zookeeper::Operation> operations_of(const MultiBatch& batch) {
  std::vector<zookeeper::Operation> operations;
  for (const Offer& offer : batch.offers) {
    operations.insert(operations.end(), offer.operations.begin(), offer.operations.end());
  }
  return operations;
}

std::vector<MultiBatch> settle(MultiBatch batch, MultiReply reply) {
  std::vector<MultiBatch> to_send;
  if (batch.offers.size() == 1) {
    batch.offers.front().answered(std::move(reply));
    return to_send;
  }
  if (zookeeper::outcome_unknown(reply.error)) {
    refuse(std::move(batch), reply.error);
    return to_send;
  }
  const auto failed = failed_operation(reply);
  // Refused without a word about whose fault it is: alone, each is told.
  if (reply.error != ZnodeError::Ok && !failed) return again(std::move(batch), true);
  std::vector<Offer> rest;
  std::size_t first = 0;
  for (Offer& offer : batch.offers) {
    const std::size_t count = offer.operations.size();
    const bool its_fault = failed && *failed >= first && *failed < first + count;
    if (reply.error == ZnodeError::Ok || its_fault) {
      offer.answered(part_of(reply, first, count));
    } else {
      rest.push_back(std::move(offer));
    }
    first += count;
  }
  batch.offers = std::move(rest);
  ++batch.failures;
  const bool halved = batch.failures >= failures_together;
  return again(std::move(batch), halved);
}

void refuse(MultiBatch batch, ZnodeError error) {
  for (Offer& offer : batch.offers) {
    MultiReply reply;
    reply.error = error;
    offer.answered(std::move(reply));
  }
}

std::optional<std::size_t> failed_operation(const MultiReply& reply) {
  for (std::size_t i = 0; i < reply.results.size(); ++i) {
    const ZnodeError error = reply.results[i].error;
    if (error != ZnodeError::Ok && error != ZnodeError::RolledBack) return i;
  }
  return std::nullopt;
}

}  // namespace jobengine::queue
