#include "api/events/resource_stream.hpp"

#include "api/cimi/job_document.hpp"

namespace jobengine::api::events {

ResourceStream::ResourceStream(const StreamWorld& world, cimi::Collection& collection,
                               ResourceStreamRequest request)
    : Stream(world, request.who), collection_(collection), request_(std::move(request)) {}

awaitable<bool> ResourceStream::open() {
  // Refusals first: they need no subscription.
  co_await collection_.visible(request_.id, who_);
  Interest interest;
  interest.ids = {request_.id};
  co_await begin(std::move(interest));
  const auto stored = co_await collection_.visible(request_.id, who_);
  const bool known = request_.last_event_id == std::to_string(stored.revision);
  if (known && is_final(stored)) co_return false;
  const auto data =
      event_data(collection_.visible_attributes(stored.document, who_, request_.attributes),
                 request_.attributes, stored.revision);
  told_ = told_of(data, stored.revision);
  const auto name = data.contains("state") ? EventName::State : EventName::Change;
  if (!known) backlog_.put(request_.id, name, stored.revision, data);
  ended_ = is_final(stored);
  present_known();
  co_return true;
}

bool ResourceStream::is_final(const store::StoredDocument& stored) const {
  return collection_.name() == "job" && cimi::is_final_state(stored.document);
}

void ResourceStream::handle(const Change& change) {
  if (change.id() != request_.id) return;
  const auto* after = change.after();
  if (after == nullptr) {
    nlohmann::json data = {{"id", request_.id}};
    backlog_.put(request_.id, EventName::Deleted, told_.revision, data);
    ended_ = true;
  } else if (!access::allows(after->document["acl"], who_, access::Right::ViewMeta)) {
    backlog_.clear();
    ended_ = true;
  } else if (after->revision >= told_.revision) {
    tell(*after);
  }
}

void ResourceStream::tell(const store::StoredDocument& stored) {
  const auto data =
      event_data(collection_.visible_attributes(stored.document, who_, request_.attributes),
                 request_.attributes, stored.revision);
  const auto now = told_of(data, stored.revision);
  const auto name = difference(told_, now);
  told_ = now;
  if (name != EventName::Nothing) backlog_.put(request_.id, name, stored.revision, data);
  ended_ = is_final(stored);
}

}  // namespace jobengine::api::events
