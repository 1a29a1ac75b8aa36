// GET /api/events: the resources of a collection that match a filter, as they change.
#pragma once

#include <optional>
#include <unordered_map>

#include "api/cimi/collection.hpp"
#include "api/events/live_filter.hpp"
#include "api/events/stream.hpp"

namespace jobengine::api::events {

struct FilterStreamRequest {
  access::Identity who;
  std::vector<std::string> attributes;
  std::optional<filter::Node> filter;
  bool snapshot = false;  // begin with what matches now
  bool resumed = false;   // the client was cut off before
};

class FilterStream : public Stream {
 public:
  FilterStream(const StreamWorld& world, cimi::Collection& collection, FilterStreamRequest request);
  // Throws CimiError and FilterError for what cannot be searched, or not by this client.
  awaitable<void> open();

 private:
  void handle(const Change& change) override;
  void behind() override;
  awaitable<bool> catch_up(runtime::Event& over) override;

  // What matches now: learns which resources the client knows from here on, and makes the snapshot.
  awaitable<void> read_present();
  void tell(const store::StoredDocument& stored);
  void leave(const store::StoredDocument& stored);
  void gone(const std::string& id);
  bool sees(const nlohmann::json& document) const;
  bool matches(const nlohmann::json& document) const;
  nlohmann::json data_of(const store::StoredDocument& stored) const;

  cimi::Collection& collection_;
  const FilterStreamRequest request_;
  std::optional<LiveFilter> filter_;
  runtime::TimePoint filter_resolved_;
  store::Visibility visibility_;

  // By a digest of the id.
  std::unordered_map<std::size_t, Told> known_;
  std::int64_t newest_ = 0;  // revision seen
  runtime::TimePoint last_read_;
};

// A filter is asked of every commit, so it may not have more comparisons than this.
inline constexpr std::size_t most_comparisons = 200;

}  // namespace jobengine::api::events
