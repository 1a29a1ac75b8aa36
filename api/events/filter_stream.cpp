#include "api/events/filter_stream.hpp"

#include <algorithm>
#include <functional>

#include "common/telemetry/log.hpp"

namespace jobengine::api::events {
namespace {

using nlohmann::json;

constexpr std::size_t most_known = 10000;
constexpr std::size_t bytes_at_once = 64 * 1024;
constexpr std::size_t most_search_bytes = 32 * 1024 * 1024;
constexpr auto filter_is_fresh = std::chrono::seconds(1);
// Searches for a client that cannot keep up are at least this far apart.
constexpr auto between_reads = std::chrono::seconds(1);

std::size_t key_of(const std::string& id) {
  return std::hash<std::string>()(id);
}

filter::Millis now_millis() {
  return cimi::wall_now().time_since_epoch().count();
}

std::string reset_text(std::int64_t revision, const char* reason) {
  return event_text("reset", revision, {{"reason", reason}});
}

bool names_any(const json& acl, const char* list, const std::vector<std::string>& claims) {
  const auto found = acl.find(list);
  if (found == acl.end() || !found->is_array()) return false;
  return std::any_of(found->begin(), found->end(), [&](const json& principal) {
    return principal.is_string() &&
           std::find(claims.begin(), claims.end(), principal.get_ref<const std::string&>()) !=
               claims.end();
  });
}

}  // namespace

FilterStream::FilterStream(const StreamWorld& world, cimi::Collection& collection,
                           FilterStreamRequest request)
    : Stream(world, request.who), collection_(collection), request_(std::move(request)) {}

awaitable<void> FilterStream::open() {
  auto search = collection_.search_for(who_, request_.filter);
  visibility_ = std::move(search.visibility);
  if (request_.filter) {
    if (comparisons_of(*request_.filter) > most_comparisons) {
      throw cimi::CimiError(400, "the filter of an event stream may have at most " +
                                     std::to_string(most_comparisons) + " comparisons");
    }
    filter_.emplace(*request_.filter, now_millis());
    filter_resolved_ = runtime::Clock::now();
  }
  Interest interest;
  interest.collection = collection_.name();
  co_await begin(std::move(interest));
  co_await read_present();
  if (request_.resumed) ahead_.push_back(reset_text(newest_, "the connection was lost"));
}

awaitable<void> FilterStream::read_present() {
  auto search = collection_.search_for(who_, request_.filter);
  search.limit = most_known;
  search.most_bytes = most_search_bytes;
  search.order.push_back({{"created"}, true});
  search.only = request_.attributes;
  for (const char* name : {"id", "acl", "state"}) search.only->emplace_back(name);
  const auto found = co_await world_.store.search(std::move(search));
  last_read_ = runtime::Clock::now();
  std::vector<std::string> chunks(1);
  std::size_t shown = 0;
  std::size_t bytes = 0;
  const auto& options = world_.options;
  for (const auto& row : found.rows) {
    const auto data = data_of(row);
    known_[key_of(row.id)] = told_of(data, row.revision);
    newest_ = std::max(newest_, row.revision);
    const bool full = shown >= options.most_snapshot_rows || bytes >= options.most_snapshot_bytes;
    if (!request_.snapshot || full) continue;
    auto text = event_text(name_of(EventName::State), row.revision, data);
    bytes += text.size();
    ++shown;
    if (chunks.back().size() + text.size() > bytes_at_once) chunks.emplace_back();
    chunks.back() += text;
  }
  json ready = {{"count", found.count}, {"shown", shown}};
  chunks.back() += event_text("ready", newest_, ready);
  world_.sent(shown + 1);
  ahead_.assign(chunks.rbegin(), chunks.rend());
  present_known();
}

awaitable<bool> FilterStream::catch_up(runtime::Event& over) {
  const auto next_read = last_read_ + between_reads;
  co_await over.wait_until(next_read);
  if (over.raised()) co_return false;
  known_.clear();
  std::string trouble;
  try {
    co_await read_present();
  } catch (const std::exception& failure) {
    trouble = failure.what();
  }
  if (!trouble.empty()) {
    telemetry::warning("an event stream ends: what it missed cannot be read", {{"error", trouble}});
    co_return false;
  }
  ahead_.push_back(reset_text(newest_, "the client reads too slowly"));
  co_return true;
}

void FilterStream::behind() {
  fall_behind();
}

bool FilterStream::sees(const json& document) const {
  if (visibility_.everything) return true;
  const auto acl = document.find("acl");
  if (acl == document.end()) return false;
  return names_any(*acl, "owners", visibility_.claims) ||
         names_any(*acl, "view-meta", visibility_.claims);
}

// As in a search: what the client is not shown of a document goes as if it were not there.
bool FilterStream::matches(const json& document) const {
  if (!sees(document)) return false;
  if (!filter_) return true;
  if (access::allows(document["acl"], who_, access::Right::ViewAcl)) {
    return filter_->matches(document);
  }
  return filter_->matches(access::visible_part(document, who_));
}

json FilterStream::data_of(const store::StoredDocument& stored) const {
  return event_data(collection_.visible_attributes(stored.document, who_, request_.attributes),
                    request_.attributes, stored.revision);
}

void FilterStream::handle(const Change& change) {
  const auto* after = change.after();
  if (after == nullptr) {
    gone(change.id());
    return;
  }
  newest_ = std::max(newest_, after->revision);
  if (filter_ && runtime::Clock::now() > filter_resolved_ + filter_is_fresh) {
    filter_->set_now(now_millis());
    filter_resolved_ = runtime::Clock::now();
  }
  if (matches(after->document)) {
    tell(*after);
  } else {
    const auto known = known_.find(key_of(change.id()));
    const bool older = known != known_.end() && after->revision < known->second.revision;
    if (!older) leave(*after);
  }
}

void FilterStream::tell(const store::StoredDocument& stored) {
  const auto data = data_of(stored);
  const auto now = told_of(data, stored.revision);
  const auto known = known_.find(key_of(stored.id));
  auto name = EventName::State;
  if (known != known_.end()) {
    if (stored.revision < known->second.revision) return;
    name = difference(known->second, now);
    known->second = now;
  } else if (known_.size() < most_known) {
    known_.emplace(key_of(stored.id), now);
  }
  if (name == EventName::Nothing) return;
  if (!backlog_.put(stored.id, name, stored.revision, data)) behind();
}

void FilterStream::leave(const store::StoredDocument& stored) {
  if (known_.erase(key_of(stored.id)) == 0) return;
  const json data = sees(stored.document) ? data_of(stored) : json{{"id", stored.id}};
  if (!backlog_.put(stored.id, EventName::Left, stored.revision, data)) behind();
}

void FilterStream::gone(const std::string& id) {
  if (known_.erase(key_of(id)) == 0) return;
  const json data = {{"id", id}};
  if (!backlog_.put(id, EventName::Deleted, newest_, data)) behind();
}

}  // namespace jobengine::api::events
