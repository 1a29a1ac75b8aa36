// Whether the store can write at present, and who is told: one line in the log when writes begin to
// fail and one when they are over it, the metrics, and whoever asks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>

#include "api/store/sqlite_connection.hpp"
#include "api/store/store.hpp"

namespace jobengine::api::store {

// `doing`: "the store cannot write: "
StoreUnavailable store_unavailable(const SqliteError& error, const std::string& doing);
// The same of a read, which no lack of room excuses; logged, but not each time.
StoreUnavailable store_unreadable(const SqliteError& error);

// "full", "read-only", …: as labels and in logs.
std::string text(StoreUnavailable::Cause cause);

// [any thread]
class WriteHealth {
 public:
  void publish_in(telemetry::Metrics& metrics);  // before the others are used

  // So many writes were refused for that reason; none: it was only tried.
  void failed(const StoreUnavailable& why, std::size_t writes);
  // Something was made durable. Ends the trouble, unless it is too young to be believed: near the
  // end of the room small writes succeed between large ones that do not.
  void succeeded();

  // While it is so somebody has to try from time to time.
  bool troubled() const { return troubled_; }
  // Why; empty: not troubled.
  std::string trouble() const;

 private:
  struct Trouble {
    runtime::TimePoint since;
    runtime::TimePoint last;
    std::string reason;  // of the last one
    std::size_t refused;
  };

  std::atomic<bool> troubled_ = false;
  mutable std::mutex mutex_;  // guards the rest
  std::optional<Trouble> trouble_;
  telemetry::Gauge* gauge_ = nullptr;
  std::array<telemetry::Counter*, 5> refused_{};  // by cause
};

}  // namespace jobengine::api::store
