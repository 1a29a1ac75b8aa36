// The way of one request through SessionCore: kept, sent, answered, or ended with its epoch.
#include <utility>

#include "common/zookeeper/session_core.hpp"

namespace jobengine::zookeeper {

std::string SessionCore::full_path(const std::string& path) const {
  if (chroot_.empty() || !path.starts_with('/')) return path;  // malformed ones are refused later
  return path == "/" ? chroot_ : chroot_ + path;
}

SessionCore::Pending SessionCore::enqueue(Request request, Epoch epoch) {
  auto pending = std::make_shared<PendingRequest>();
  pending->request = std::make_shared<const Request>(std::move(request));
  pending->number = ++last_number_;
  pending->epoch = epoch;
  return pending;
}

std::shared_ptr<PendingRequest> SessionCore::submit(Request request, const Watch& on_change,
                                                    Epoch only_in) {
  request.path = full_path(request.path);
  for (Operation& operation : request.operations) operation.path = full_path(operation.path);
  const bool acceptable = well_formed(request);
  const bool too_late =
      state_ == SessionState::Closed || (only_in != 0 && (only_in != epoch_ || !epoch_lives_));
  if (acceptable && !too_late) request.watch = watches_.add(on_change);
  const Pending pending = enqueue(std::move(request), epoch_lives_ ? epoch_ : 0);
  if (!acceptable || too_late) {
    finish_soon(pending, too_late ? ZnodeError::SessionLost : ZnodeError::BadArguments);
  } else if (state_ == SessionState::Connected) {
    send(pending);
  } else {
    waiting_.emplace(pending->number, pending);
  }
  return pending;
}

void SessionCore::send(const Pending& pending) {
  pending->sent = LeaseClock::now();
  in_flight_.emplace(pending->number, pending);
  handle_->send(pending->request, [weak = weak_from_this(), pending](Reply reply) {
    if (auto self = weak.lock()) self->take_answer(pending, std::move(reply));
  });
}

void SessionCore::take_answer(const Pending& pending, Reply reply) {
  // Not in flight any more: its epoch ended before the answer was here.
  if (in_flight_.erase(pending->number) == 0) return;
  if (reply.from_server) lease_.renew(pending->sent, timeout_);
  const bool again =
      reply.error == ZnodeError::ConnectionLoss && only_reads(pending->request->kind);
  if (!again) {
    finish(pending, std::move(reply));
  } else if (state_ == SessionState::Connected) {
    send(pending);
  } else {
    waiting_.emplace(pending->number, pending);
  }
}

void SessionCore::finish(const Pending& pending, Reply reply) {
  const Request& request = *pending->request;
  const bool watch_is_set =
      reply.error == ZnodeError::Ok ||
      (request.kind == Request::Kind::Exists && reply.error == ZnodeError::NoNode);
  if (!watch_is_set) watches_.drop(request.watch);
  const bool made = reply.error == ZnodeError::Ok || reply.error == ZnodeError::NodeExists;
  if (request.kind == Request::Kind::Create) {
    if (made && request.path == chroot_) chroot_exists_ = true;
    if (reply.text.starts_with(chroot_)) reply.text.erase(0, chroot_.size());
  }
  for (MultiReply::Result& result : reply.results) {
    if (result.path.starts_with(chroot_)) result.path.erase(0, chroot_.size());
  }
  pending->reply = std::move(reply);
  pending->answered.raise();
}

// Never at once: a caller that tries again in a loop must let the loop live.
void SessionCore::finish_soon(const Pending& pending, ZnodeError error) {
  asio::post(loop_, [self = shared_from_this(), pending, error] {
    Reply reply;
    reply.error = error;
    self->finish(pending, std::move(reply));
  });
}

}  // namespace jobengine::zookeeper
