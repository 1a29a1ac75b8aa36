#include "tests/fakes/faulty_session.hpp"

#include <algorithm>

namespace jobengine::tests {

using namespace zookeeper;

namespace {

template <class Reply>
void lose(Reply& reply) {
  reply = Reply();
  reply.error = ZnodeError::ConnectionLoss;
}
void lose(ZnodeError& error) {
  error = ZnodeError::ConnectionLoss;
}

template <class Reply>
awaitable<Reply> without_answer(awaitable<Reply> sent) {
  Reply reply = co_await std::move(sent);
  lose(reply);
  co_return reply;
}

template <class Reply>
awaitable<Reply> never_sent() {
  Reply reply{};
  lose(reply);
  co_return reply;
}

}  // namespace

// No coroutine, so that the request is out when it returns.
template <class Reply, class Send>
awaitable<Reply> FaultySession::pass(Call call, Send send) {
  ++counts_[static_cast<std::size_t>(call)];
  const auto act = std::find_if(acts_.begin(), acts_.end(),
                                [call](const auto& planned) { return planned.first == call; });
  if (act != acts_.end()) {
    const auto now = std::move(act->second);
    acts_.erase(act);
    now(real_);
  }
  const auto fault = std::find_if(faults_.begin(), faults_.end(),
                                  [call](const auto& planned) { return planned.first == call; });
  if (fault == faults_.end()) return send();
  const Lost lost = fault->second;
  faults_.erase(fault);
  return lost == Lost::Answer ? without_answer<Reply>(send()) : never_sent<Reply>();
}

awaitable<CreateReply> FaultySession::create(std::string path, std::string data, CreateMode mode) {
  return pass<CreateReply>(Call::Create,
                           [&] { return real_.create(std::move(path), std::move(data), mode); });
}
awaitable<DataReply> FaultySession::get(std::string path, Watch on_change) {
  return pass<DataReply>(Call::Get, [&] { return real_.get(std::move(path), on_change); });
}
awaitable<StatReply> FaultySession::set(std::string path, std::string data, std::int32_t version) {
  return pass<StatReply>(Call::Set,
                         [&] { return real_.set(std::move(path), std::move(data), version); });
}
awaitable<StatReply> FaultySession::exists(std::string path, Watch on_change) {
  return pass<StatReply>(Call::Exists, [&] { return real_.exists(std::move(path), on_change); });
}
awaitable<ChildrenReply> FaultySession::children(std::string path, Watch on_change) {
  return pass<ChildrenReply>(Call::Children,
                             [&] { return real_.children(std::move(path), on_change); });
}
awaitable<ZnodeError> FaultySession::remove(std::string path, std::int32_t version) {
  return pass<ZnodeError>(Call::Remove, [&] { return real_.remove(std::move(path), version); });
}
awaitable<MultiReply> FaultySession::multi(std::vector<Operation> operations, Epoch only_in) {
  return pass<MultiReply>(Call::Multi, [&] { return real_.multi(std::move(operations), only_in); });
}
awaitable<ZnodeError> FaultySession::sync(std::string path) {
  return pass<ZnodeError>(Call::Sync, [&] { return real_.sync(std::move(path)); });
}

}  // namespace jobengine::tests
