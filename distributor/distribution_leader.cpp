#include "distributor/distribution_leader.hpp"

#include <algorithm>

#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"
#include "distributor/interruptible.hpp"

namespace jobengine::distributor {

namespace {

// Wall clocks are set and machines sleep: the way to a tick is gone in steps.
constexpr Span longest_step = std::chrono::seconds(30);
constexpr runtime::Duration pause_without_lease = std::chrono::milliseconds(100);

class LeaderMark {
 public:
  explicit LeaderMark(telemetry::Gauge& gauge) : gauge_(gauge) { gauge_.set(1); }
  ~LeaderMark() { gauge_.set(0); }
  LeaderMark(const LeaderMark&) = delete;
  LeaderMark& operator=(const LeaderMark&) = delete;

 private:
  telemetry::Gauge& gauge_;
};

}  // namespace

DistributionLeader::DistributionLeader(zookeeper::Session& session, Distribution& distribution,
                                       DistributionMetrics& metrics)
    : distribution_(distribution), metrics_(metrics), ledger_(session, distribution.name()) {}

awaitable<void> DistributionLeader::lead(std::function<bool()> may_write, runtime::Event& over) {
  const LeaderMark mark(metrics_.leads);
  telemetry::info("leading", {{"distribution", distribution_.name()}});
  if (distribution_.keeps_ticks()) {
    co_await lead_with_ledger(std::move(may_write), over);
  } else {
    co_await lead_without_ledger(std::move(may_write), over);
  }
  telemetry::info("no longer leading", {{"distribution", distribution_.name()}});
}

awaitable<void> DistributionLeader::lead_with_ledger(std::function<bool()> may_write,
                                                     runtime::Event& over) {
  while (!over.raised()) {
    auto reading = ledger_.read();
    auto kept = co_await unless(over, std::move(reading));
    if (!kept) co_return;
    if (!kept->last && !distribution_.schedule().is_interval()) {
      // Cron counts from the first time that anybody led; a tick missed later is then known.
      auto writing = ledger_.write(*kept, now(), /*open=*/false);
      co_await unless(over, std::move(writing));
      continue;
    }
    Pass pass;
    pass.may_write = may_write;
    pass.over = &over;
    pass.resumed = kept->open && give_up_at(*kept->last) > now();
    if (pass.resumed) {
      telemetry::info("finishing a tick that was left open",
                      {{"distribution", distribution_.name()}, {"tick", text(*kept->last)}});
    } else {
      const auto claimed = co_await claim_next(*kept, may_write, over);
      if (!claimed) continue;  // read again what happened
      kept = *claimed;
      metrics_.ticks.add();
    }
    pass.tick = *kept->last;
    pass.give_up_at = give_up_at(pass.tick);
    co_await finish(*kept, std::move(pass));
  }
}

awaitable<void> DistributionLeader::finish(LedgerEntry kept, Pass pass) {
  runtime::Event& over = *pass.over;
  const PassOutcome outcome = co_await work_on(pass);
  if (over.raised()) co_return;
  if (outcome == PassOutcome::Unfinished) {
    telemetry::warning("a tick was not finished before the next",
                       {{"distribution", distribution_.name()}, {"tick", text(pass.tick)}});
    co_await wait_for(pass.give_up_at, over);
    co_return;
  }
  if (!pass.may_write()) {
    // Left open; it is looked at again when the lease comes back before leadership is over.
    co_await runtime::pause(pause_without_lease, over);
    co_return;
  }
  JE_CRASH_POINT("distributor.close.before");
  auto closing = ledger_.write(kept, pass.tick, /*open=*/false);
  co_await unless(over, std::move(closing));
  JE_CRASH_POINT("distributor.close.after");
}

NextTick DistributionLeader::tick_after(const LedgerEntry& kept) const {
  const TickSchedule& schedule = distribution_.schedule();
  if (!kept.last) return {schedule.first(now()), std::nullopt};
  return next_tick(schedule, distribution_.misfire(), distribution_.name(), *kept.last, now());
}

awaitable<std::optional<LedgerEntry>> DistributionLeader::claim_next(
    LedgerEntry kept, std::function<bool()> may_write, runtime::Event& over) {
  NextTick next = tick_after(kept);
  const bool due = co_await wait_until_start(next.tick, over);
  if (!due || !may_write()) co_return std::nullopt;
  // After a long wait (a machine that slept) it may be another one.
  if (kept.last) next = tick_after(kept);
  if (next.tick > now()) co_return std::nullopt;
  if (kept.open || next.left_out) {
    const Instant first = kept.open ? *kept.last : *next.left_out;
    telemetry::warning("ticks were missed or not finished and are not made up for",
                       {{"distribution", distribution_.name()},
                        {"first", text(first)},
                        {"next", text(next.tick)}});
  }
  JE_CRASH_POINT("distributor.claim.before");
  auto claiming = ledger_.write(kept, next.tick, /*open=*/true);
  auto claimed = co_await unless(over, std::move(claiming));
  JE_CRASH_POINT("distributor.claim.after");
  if (!claimed) co_return std::nullopt;
  co_return *claimed;
}

awaitable<void> DistributionLeader::lead_without_ledger(std::function<bool()> may_write,
                                                        runtime::Event& over) {
  const TickSchedule& schedule = distribution_.schedule();
  Pass pass;
  pass.may_write = std::move(may_write);
  pass.over = &over;
  pass.tick = schedule.first(now());
  while (!over.raised()) {
    const bool due = co_await wait_until_start(pass.tick, over);
    if (!due) co_return;
    metrics_.ticks.add();
    pass.give_up_at = start_of_next(pass.tick);
    co_await work_on(pass);
    pass.tick = schedule.next(pass.tick, now());
  }
}

awaitable<bool> DistributionLeader::wait_until_start(Instant tick, runtime::Event& over) {
  const Instant start = distribution_.schedule().start_of(tick, distribution_.name());
  return wait_for(start, over);
}

awaitable<bool> DistributionLeader::wait_for(Instant start, runtime::Event& over) {
  while (!over.raised()) {
    const Span left = start - now();
    if (left <= Span(0)) co_return true;
    const Span step = std::min(left, longest_step);
    co_await runtime::pause(step, over);
  }
  co_return false;
}

awaitable<PassOutcome> DistributionLeader::work_on(Pass pass) {
  try {
    const PassOutcome outcome = co_await distribution_.distribute(pass);
    co_return outcome;
  } catch (const std::exception& failure) {
    telemetry::error("a tick failed", {{"distribution", distribution_.name()},
                                       {"tick", text(pass.tick)},
                                       {"error", failure.what()}});
  }
  metrics_.failures.add();
  co_return PassOutcome::Done;
}

Instant DistributionLeader::start_of_next(Instant tick) const {
  const TickSchedule& schedule = distribution_.schedule();
  return schedule.start_of(schedule.following(tick), distribution_.name());
}

Instant DistributionLeader::give_up_at(Instant tick) const {
  return distribution_.misfire() == Misfire::All ? Instant::max() : start_of_next(tick);
}

}  // namespace jobengine::distributor
