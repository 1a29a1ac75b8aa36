// How often logins may fail: per name that is logged in as, and per address they come from. Who has
// failed too often waits, twice as long after each further failure.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/runtime/asio.hpp"

namespace jobengine::api::access {

struct LoginLimitOptions {
  int failures_per_name = 10;
  int failures_per_address = 30;
  // Failures are forgotten after this time without a further one (a time of waiting not counted).
  std::chrono::seconds memory{300};
  std::chrono::seconds first_wait{10};
  std::chrono::seconds longest_wait{900};
  // So many names, and as many addresses, are remembered; those used longest ago are forgotten.
  std::size_t most_remembered = 10000;
};

// Failures of one kind of key. Not thread-safe; pure but for the time, which is handed in.
class FailureCounts {
 public:
  FailureCounts(int most_failures, const LoginLimitOptions& options);

  // How long this key still has to wait; zero when it need not.
  std::chrono::seconds wait_of(const std::string& key, runtime::TimePoint now);
  void failed(const std::string& key, runtime::TimePoint now);
  void forget(const std::string& key);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    int failures = 0;
    runtime::TimePoint waits_until;
    runtime::TimePoint forgotten_at;
  };
  Entry* find(const std::string& key, runtime::TimePoint now);

  const int most_failures_;
  const LoginLimitOptions options_;
  std::list<Entry> entries_;  // the last used first
  std::unordered_map<std::string, std::list<Entry>::iterator> places_;
};

// [any thread] Names are those that were given, whether anybody has them or not.
class LoginLimits {
 public:
  explicit LoginLimits(const LoginLimitOptions& options = {});

  // How long a login with that name from that address ("": unknown, not limited) has to wait; zero
  // when it may go on. Asked before the password is looked at and again before the outcome is told:
  // guesses sent all at once learn no more than those sent one after the other.
  std::chrono::seconds wait_of(const std::string& name, const std::string& address,
                               runtime::TimePoint now = runtime::Clock::now());
  void failed(const std::string& name, const std::string& address,
              runtime::TimePoint now = runtime::Clock::now());
  // The name's failures are forgotten. Those of the address stay: an account of one's own must not
  // buy further guesses at others.
  void succeeded(const std::string& name);

 private:
  std::mutex mutex_;
  FailureCounts names_;      // by digest: names may be long. Under the mutex.
  FailureCounts addresses_;  // under the mutex
};

}  // namespace jobengine::api::access
