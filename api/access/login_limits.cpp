#include "api/access/login_limits.hpp"

#include <algorithm>

#include "api/access/client_address.hpp"
#include "api/access/secrets.hpp"

namespace jobengine::api::access {
namespace {

using std::chrono::seconds;

// `first` doubled `times` times, at most `longest`.
seconds doubled(seconds first, int times, seconds longest) {
  auto wait = first;
  for (int done = 0; done < times && wait < longest; ++done) wait *= 2;
  return std::min(wait, longest);
}

}  // namespace

FailureCounts::FailureCounts(int most_failures, const LoginLimitOptions& options)
    : most_failures_(most_failures), options_(options) {}

FailureCounts::Entry* FailureCounts::find(const std::string& key, runtime::TimePoint now) {
  const auto place = places_.find(key);
  if (place == places_.end()) return nullptr;
  if (place->second->forgotten_at <= now) {
    entries_.erase(place->second);
    places_.erase(place);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, place->second);
  return &entries_.front();
}

seconds FailureCounts::wait_of(const std::string& key, runtime::TimePoint now) {
  const Entry* entry = find(key, now);
  if (entry == nullptr || entry->waits_until <= now) return seconds(0);
  return std::chrono::ceil<seconds>(entry->waits_until - now);
}

void FailureCounts::failed(const std::string& key, runtime::TimePoint now) {
  Entry* entry = find(key, now);
  if (entry == nullptr) {
    if (entries_.size() >= options_.most_remembered) {
      places_.erase(entries_.back().key);
      entries_.pop_back();
    }
    entries_.emplace_front();
    entry = &entries_.front();
    entry->key = key;
    places_[key] = entries_.begin();
  }
  entry->failures = std::min(entry->failures + 1, 1000000);
  entry->waits_until = now;
  const int beyond = entry->failures - most_failures_;
  if (beyond >= 0) {
    entry->waits_until += doubled(options_.first_wait, beyond, options_.longest_wait);
  }
  entry->forgotten_at = entry->waits_until + options_.memory;
}

void FailureCounts::forget(const std::string& key) {
  const auto place = places_.find(key);
  if (place == places_.end()) return;
  entries_.erase(place->second);
  places_.erase(place);
}

LoginLimits::LoginLimits(const LoginLimitOptions& options)
    : names_(options.failures_per_name, options),
      addresses_(options.failures_per_address, options) {}

seconds LoginLimits::wait_of(const std::string& name, const std::string& address,
                             runtime::TimePoint now) {
  const auto network = network_of(address);
  const auto key = sha256(name);
  const std::lock_guard lock(mutex_);
  const auto of_name = names_.wait_of(key, now);
  if (network.empty()) return of_name;
  return std::max(of_name, addresses_.wait_of(network, now));
}

void LoginLimits::failed(const std::string& name, const std::string& address,
                         runtime::TimePoint now) {
  const auto network = network_of(address);
  const auto key = sha256(name);
  const std::lock_guard lock(mutex_);
  names_.failed(key, now);
  if (!network.empty()) addresses_.failed(network, now);
}

void LoginLimits::succeeded(const std::string& name) {
  const auto key = sha256(name);
  const std::lock_guard lock(mutex_);
  names_.forget(key);
}

}  // namespace jobengine::api::access
