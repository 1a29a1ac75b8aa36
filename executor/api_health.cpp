#include "executor/api_health.hpp"

#include <algorithm>
#include <utility>

#include "common/telemetry/log.hpp"

namespace jobengine::executor {

awaitable<cimi::Reply> WatchedClient::request(cimi::Request request) {
  cimi::Reply reply = co_await client_.request(std::move(request));
  const bool answered =
      reply.kind != cimi::ReplyKind::Unreachable && reply.kind != cimi::ReplyKind::Unavailable;
  if (answered) last_answer_ = runtime::Clock::now();
  if (answered != reachable_) {
    if (answered) {
      telemetry::info("the API answers");
    } else {
      telemetry::warning("the API does not answer", {{"error", reply.message}});
    }
    reachable_ = answered;
    changed_.raise();
    if (on_change) on_change();
  }
  co_return reply;
}

void TakingPause::trouble() {
  const auto now = runtime::Clock::now();
  // Runs that fail together are one trouble.
  if (until_ > now) return;
  until_ = now + pace_.next();
}

void TakingPause::all_well() {
  pace_.reset();
  until_ = {};
}

awaitable<void> TakingPause::over(runtime::Event& stop) {
  while (!stop.raised() && runtime::Clock::now() < until_) {
    co_await stop.wait_until(until_);
  }
}

awaitable<void> watch_api(WatchedClient& client, runtime::Event& stop) {
  constexpr runtime::Duration quiet = std::chrono::seconds(10);
  while (!stop.raised()) {
    client.changed().reset();
    const bool quiet_long = runtime::Clock::now() - client.last_answer() >= quiet;
    if (quiet_long || !client.reachable()) co_await client.get("cloud-entry-point");
    const runtime::Duration pause = client.reachable() ? quiet : quiet / 4;
    const auto next = runtime::Clock::now() + pause;
    co_await runtime::Event::wait_either(stop, client.changed(), next);
  }
}

}  // namespace jobengine::executor
