#include "api/events/stream.hpp"

#include <algorithm>

#include "api/cimi/timestamp.hpp"

namespace jobengine::api::events {
namespace {

constexpr std::size_t bytes_at_once = 64 * 1024;

}  // namespace

Stream::Stream(const StreamWorld& world, access::Identity who)
    : world_(world),
      who_(std::move(who)),
      backlog_(world.options.most_backlog_bytes),
      session_end_(session_end()) {}

runtime::TimePoint Stream::session_end() const {
  if (who_.expiry == 0) return runtime::TimePoint::max();
  const auto end = cimi::WallTime(std::chrono::seconds(who_.expiry));
  return runtime::Clock::now() + (end - cimi::wall_now());
}

awaitable<void> Stream::begin(Interest interest) {
  // A session or account that ends makes itself heard like everything else.
  if (who_.expiry != 0) {
    interest.ids.push_back(who_.session);
    interest.ids.push_back(who_.user_id);
  }
  auto tell = [this](News news) { hear(std::move(news)); };
  const runtime::Executor loop = co_await asio::this_coro::executor;
  subscription_ = world_.hub.subscribe(std::move(interest), loop, std::move(tell));
  std::vector<store::Change> none;
  co_await world_.store.change(std::move(none));
}

void Stream::hear(News news) {
  for (const auto& change : news.changes) {
    if (change.id() == who_.session || change.id() == who_.user_id) look_at_session_ = true;
  }
  something_.raise();
  if (hearing_ == Hearing::Nothing) return;
  gathered_.lost = gathered_.lost || news.lost;
  std::move(news.changes.begin(), news.changes.end(), std::back_inserter(gathered_.changes));
  if (gathered_.changes.size() > most_waiting_changes) {
    gathered_.changes.clear();
    gathered_.lost = true;
  }
  if (hearing_ == Hearing::Handling) present_known();
}

void Stream::present_known() {
  hearing_ = Hearing::Handling;
  const auto news = std::exchange(gathered_, News());
  if (news.lost) behind();
  for (const auto& change : news.changes) {
    if (ended_ || hearing_ != Hearing::Handling) break;
    handle(change);
  }
}

void Stream::fall_behind() {
  hearing_ = Hearing::Nothing;
  gathered_ = News();
  backlog_.clear();
}

awaitable<bool> Stream::catch_up(runtime::Event& /*over*/) {
  present_known();
  co_return true;
}

awaitable<void> Stream::run(http::BodyStream& body) {
  ahead_.push_back("retry: " + std::to_string(world_.options.retry.count()) + "\n\n");
  bool open = true;
  while (open && !body.over().raised()) {
    if (look_at_session_ || runtime::Clock::now() >= session_end_) {
      look_at_session_ = false;
      const bool holds = co_await world_.still_holds(who_);
      if (!holds) break;
    }
    open = co_await step(body);
  }
  subscription_ = Hub::Subscription();
}

// True when there may be more.
awaitable<bool> Stream::step(http::BodyStream& body) {
  bool open = false;
  if (!ahead_.empty()) {
    open = co_await send_ahead(body);
  } else if (hearing_ == Hearing::Nothing) {
    hearing_ = Hearing::Gathering;
    open = co_await catch_up(body.over());
  } else if (!backlog_.empty()) {
    open = co_await send_backlog(body);
  } else if (!ended_) {
    open = co_await wait_for_more(body);
  }
  co_return open;
}

awaitable<bool> Stream::send_ahead(http::BodyStream& body) {
  auto text = std::move(ahead_.back());
  ahead_.pop_back();
  const bool open = co_await body.send(std::move(text));
  co_return open;
}

awaitable<bool> Stream::send_backlog(http::BodyStream& body) {
  const auto before = backlog_.taken();
  auto text = backlog_.take(bytes_at_once);
  world_.sent(backlog_.taken() - before);
  const bool open = co_await body.send(std::move(text));
  co_return open;
}

awaitable<bool> Stream::wait_for_more(http::BodyStream& body) {
  something_.reset();
  const auto heartbeat = runtime::Clock::now() + world_.options.heartbeat;
  const auto look = next_look();
  const auto end = std::min({heartbeat, session_end_, look});
  const bool in_time = co_await runtime::Event::wait_either(something_, body.over(), end);
  if (in_time) co_return true;
  if (runtime::Clock::now() >= look) {
    fall_behind();
    co_return true;
  }
  look_at_session_ = true;
  if (runtime::Clock::now() < heartbeat) co_return true;
  auto text = comment_text("nothing new");
  const bool open = co_await body.send(std::move(text));
  co_return open;
}

namespace {

awaitable<void> run_kept(std::shared_ptr<Stream> stream, std::shared_ptr<const void> /*place*/,
                         http::BodyStream& body) {
  co_await stream->run(body);
}

}  // namespace

http::Response stream_response(std::shared_ptr<Stream> stream, std::shared_ptr<const void> place) {
  http::Response response;
  response.content_type = "text/event-stream";
  response.headers.emplace_back("Cache-Control", "no-store");
  // A proxy that gathers what it passes on would hold events back (nginx).
  response.headers.emplace_back("X-Accel-Buffering", "no");
  response.stream = [stream = std::move(stream), place = std::move(place)](http::BodyStream& body) {
    return run_kept(stream, place, body);
  };
  return response;
}

}  // namespace jobengine::api::events
