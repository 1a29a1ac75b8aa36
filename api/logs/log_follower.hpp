// GET /api/job/<uuid>/logs as server-sent events: everything so far, then what comes, until the job
// is final and its log quiet. What a client has not read yet stays in the store.
#pragma once

#include "api/events/stream.hpp"
#include "api/logs/log_request.hpp"

namespace jobengine::api::logs {

struct FollowRequest {
  store::LogQuery query;  // `from` and the newest lines: where it begins
  access::Identity who;
  bool resumed = false;  // the client has been there before
  // How long after the end of the job, and after its last line, no more are expected.
  std::chrono::milliseconds quiet{3000};
};

class LogFollower : public events::Stream {
 public:
  LogFollower(const events::StreamWorld& world, FollowRequest request);
  // Throws CimiError 404 or 403. False: the client knows everything, and the end.
  awaitable<bool> open();

 private:
  // Whatever has happened is read anew.
  void handle(const events::Change& /*change*/) override { fall_behind(); }
  void behind() override { fall_behind(); }
  awaitable<bool> catch_up(runtime::Event& over) override;
  runtime::TimePoint next_look() const override;

  enum class Job { Gone, Hidden, Going, Final };
  // How the job is now; learns since when it is final.
  awaitable<Job> look_at_job();
  awaitable<store::LogPage> read_on();
  std::string text_of(const store::LogPage& page, Job job);

  const FollowRequest request_;
  store::LogQuery query_;
  bool caught_up_ = false;
  std::optional<runtime::TimePoint> final_since_;
  runtime::TimePoint last_line_;  // that came while it was waited for
};

}  // namespace jobengine::api::logs
