// Events on their way to one client that has not taken the earlier ones yet: of each resource the
// newest, and of all together a bounded amount. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "api/events/announcement.hpp"

namespace jobengine::api::events {

class Backlog {
 public:
  explicit Backlog(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  // Takes the place of what waits for that resource, and goes behind everything else. An event that
  // stands for several changes bears the most telling name. False: there is no room; the backlog
  // is empty then, and the client must be told that it missed something.
  bool put(const std::string& id, EventName name, std::int64_t revision,
           const nlohmann::json& data);
  bool empty() const { return events_.empty(); }
  // The oldest events, about `bytes` of them, at least one; "" when there are none.
  std::string take(std::size_t bytes);
  void clear();

  std::size_t bytes() const { return bytes_; }
  // Events taken so far.
  std::size_t taken() const { return taken_; }

 private:
  struct Waiting {
    std::string id;
    EventName name = EventName::Nothing;
    std::string text;
  };
  const std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::size_t taken_ = 0;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Waiting> events_;  // in the order of their newest change
  std::unordered_map<std::string, std::uint64_t> place_;
};

}  // namespace jobengine::api::events
