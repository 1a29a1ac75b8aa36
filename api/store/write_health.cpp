#include "api/store/write_health.hpp"

#include "common/telemetry/log.hpp"

namespace jobengine::api::store {
namespace {

using Cause = StoreUnavailable::Cause;

constexpr std::array all_causes = {Cause::Full, Cause::ReadOnly, Cause::Failing, Cause::Busy,
                                   Cause::Unknown};
// So long nothing must fail before it is over.
constexpr auto settled = std::chrono::seconds(5);

Cause cause_of(SqliteError::Cause cause) {
  switch (cause) {
    case SqliteError::Cause::NoRoom:
      return Cause::Full;
    case SqliteError::Cause::ReadOnly:
      return Cause::ReadOnly;
    case SqliteError::Cause::Locked:
      return Cause::Busy;
    case SqliteError::Cause::Failing:
    case SqliteError::Cause::NoDatabase:
    case SqliteError::Cause::TooComplex:
    case SqliteError::Cause::TooLong:
    case SqliteError::Cause::Rejected:
      break;
  }
  return Cause::Failing;
}

// Every read of a broken disk fails: one line stands for many.
void tell_unreadable(const char* reason) {
  constexpr auto between_lines = std::chrono::seconds(10);
  static std::mutex mutex;
  static std::optional<runtime::TimePoint> told;
  const auto now = runtime::Clock::now();
  const std::lock_guard lock(mutex);
  if (told && now - *told < between_lines) return;
  told = now;
  telemetry::error("the store cannot be read", {{"error", reason}});
}

}  // namespace

StoreUnavailable store_unavailable(const SqliteError& error, const std::string& doing) {
  return {cause_of(error.cause()), doing + error.what()};
}

StoreUnavailable store_unreadable(const SqliteError& error) {
  const bool locked = error.cause() == SqliteError::Cause::Locked;
  tell_unreadable(error.what());
  return {locked ? Cause::Busy : Cause::Failing,
          std::string("the store cannot be read: ") + error.what()};
}

std::string text(Cause cause) {
  switch (cause) {
    case Cause::Full:
      return "full";
    case Cause::ReadOnly:
      return "read-only";
    case Cause::Failing:
      return "failing";
    case Cause::Busy:
      return "busy";
    case Cause::Unknown:
      return "unknown";
  }
  return {};
}

void WriteHealth::publish_in(telemetry::Metrics& metrics) {
  const std::lock_guard lock(mutex_);
  gauge_ = &metrics.gauge("jobengine_api_writes_failing", "1 while the store cannot write");
  gauge_->set(0);
  for (const auto cause : all_causes) {
    refused_.at(static_cast<std::size_t>(cause)) = &metrics.counter(
        "jobengine_api_writes_refused_total",
        "Writes that the store did not make, by what kept it from it", {{"cause", text(cause)}});
  }
}

void WriteHealth::failed(const StoreUnavailable& why, std::size_t writes) {
  const auto now = runtime::Clock::now();
  const std::lock_guard lock(mutex_);
  auto* counter = refused_.at(static_cast<std::size_t>(why.cause));
  if (counter != nullptr) counter->add(static_cast<double>(writes));
  if (!trouble_) {
    trouble_ = Trouble{now, now, {}, 0};
    if (gauge_ != nullptr) gauge_->set(1);
    telemetry::error("the store does not take writes",
                     {{"cause", text(why.cause)}, {"error", why.what()}});
  }
  trouble_->last = now;
  trouble_->reason = why.what();
  trouble_->refused += writes;
  troubled_ = true;
}

void WriteHealth::succeeded() {
  if (!troubled_) return;
  const auto now = runtime::Clock::now();
  const std::lock_guard lock(mutex_);
  if (!trouble_ || now - trouble_->last < settled) return;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - trouble_->since);
  telemetry::info("the store takes writes again",
                  {{"ms", took.count()}, {"refused", trouble_->refused}});
  if (gauge_ != nullptr) gauge_->set(0);
  trouble_.reset();
  troubled_ = false;
}

std::string WriteHealth::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_ ? trouble_->reason : std::string();
}

}  // namespace jobengine::api::store
