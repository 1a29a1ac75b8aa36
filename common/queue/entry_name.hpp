// entry-PPP-SSSSSSSSSS: the names of kazoo's LockingQueue. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jobengine::queue {

// Ordered as the queue is served: lower priority value first, then arrival. Equals the order of the
// texts while sequence numbers have ten digits.
struct EntryName {
  int priority = 0;           // 0..999
  std::int64_t sequence = 0;  // may be negative after 2^31 creations, as ZooKeeper counts

  // "entry-050-0000000012"
  std::string text() const;
  friend auto operator<=>(const EntryName&, const EntryName&) = default;
};

inline constexpr int lowest_urgency = 999;
inline constexpr int highest_urgency = 0;

// Nothing for a name of another form (foreign nodes are left alone).
std::optional<EntryName> parse_entry_name(std::string_view text);

// "entry-050-", for the sequential create. `priority` must be in 0..999.
std::string entry_prefix(int priority);

}  // namespace jobengine::queue
