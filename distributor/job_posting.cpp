#include "distributor/job_posting.hpp"

#include <algorithm>
#include <set>

#include "common/runtime/backoff.hpp"
#include "common/runtime/crash_point.hpp"
#include "common/runtime/task_group.hpp"
#include "common/telemetry/log.hpp"
#include "distributor/api_search.hpp"
#include "distributor/interruptible.hpp"

namespace jobengine::distributor {

namespace {

using nlohmann::json;

// Enough to hide the latency of one request, few enough to leave the API to others.
constexpr std::size_t requests_at_once = 8;

// One attempt at delivering everything that is left.
class Round {
 public:
  Round(cimi::Client& client, std::vector<json> jobs, const Pass& pass)
      : client_(client), jobs_(std::move(jobs)), pass_(pass) {}

  awaitable<void> run() {
    auto loop = co_await asio::this_coro::executor;
    runtime::TaskGroup posters(loop);
    const std::size_t count = std::min(requests_at_once, jobs_.size());
    for (std::size_t i = 0; i < count; ++i) posters.spawn(post_next());
    co_await posters.join();
    for (; next_ < jobs_.size(); ++next_) left_.push_back(std::move(jobs_[next_]));
  }

  std::size_t created() const { return created_; }
  std::size_t existed() const { return existed_; }
  std::size_t refused() const { return refused_; }
  // The API has shown that it takes the ids we choose: a repetition cannot make a second job.
  bool ids_count() const { return ids_count_; }
  // Not delivered, or perhaps delivered.
  std::vector<json> take_left() { return std::move(left_); }

 private:
  awaitable<void> post_next() {
    while (next_ < jobs_.size() && !pass_.over->raised() && pass_.may_write()) {
      json job = std::move(jobs_[next_++]);
      JE_CRASH_POINT("distributor.post.before");
      auto request = client_.add("job", job);
      auto reply = co_await unless(*pass_.over, std::move(request));
      JE_CRASH_POINT("distributor.post.after");
      if (reply && reply->ok()) {
        ++created_;
        if (reply->location == job.value("id", "")) ids_count_ = true;
        telemetry::debug("job created",
                         {{"job", reply->location}, {"name", job.value("name", "")}});
      } else if (reply && exists(*reply, job)) {
        ++existed_;
        ids_count_ = true;
        telemetry::debug("job exists already",
                         {{"job", job.value("id", "")}, {"name", job.value("name", "")}});
      } else if (reply && is_final(reply->kind)) {
        ++refused_;
        telemetry::error("the API does not accept a job",
                         {{"name", job.value("name", "")}, {"error", reply->message}});
      } else {
        if (reply) {
          telemetry::warning("a job could not be created, will be repeated",
                             {{"name", job.value("name", "")}, {"error", reply->message}});
        }
        left_.push_back(std::move(job));
      }
    }
  }

  // A conflict that names the very id we chose.
  static bool exists(const cimi::Reply& reply, const json& job) {
    if (reply.kind != cimi::ReplyKind::Conflict || !reply.document.is_object()) return false;
    const auto id = reply.document.find("resource-id");
    return id != reply.document.end() && id->is_string() && *id == job.value("id", json());
  }

  static bool is_final(cimi::ReplyKind kind) {
    switch (kind) {
      case cimi::ReplyKind::Invalid:
      case cimi::ReplyKind::NotFound:
      case cimi::ReplyKind::Conflict:
      case cimi::ReplyKind::PreconditionFailed:
        return true;
      case cimi::ReplyKind::Ok:
      case cimi::ReplyKind::Refused:
      case cimi::ReplyKind::Unavailable:
      case cimi::ReplyKind::Unreachable:
        return false;
    }
    return false;
  }

  cimi::Client& client_;
  std::vector<json> jobs_;
  const Pass& pass_;
  std::size_t next_ = 0;
  std::size_t created_ = 0;
  std::size_t existed_ = 0;
  bool ids_count_ = false;
  std::size_t refused_ = 0;
  std::vector<json> left_;
};

// Drops the jobs that exist. False when the pass ended before the API said which.
awaitable<bool> drop_existing(cimi::Client& client, std::vector<json>& jobs, std::string mark,
                              const Pass& pass) {
  const std::string filter = "name^=" + cimi::quoted(mark);
  std::vector<std::string> select;
  select.emplace_back("name");
  const auto existing = co_await find_all(client, "job", filter, select, pass);
  if (!existing) co_return false;
  std::set<std::string> names;
  for (const json& job : *existing) names.insert(job.value("name", std::string()));
  std::erase_if(jobs, [&](const json& job) { return names.contains(job.value("name", "")); });
  co_return true;
}

}  // namespace

awaitable<PostingResult> post_jobs(cimi::Client& client, std::vector<json> jobs, std::string mark,
                                   const Pass& pass) {
  PostingResult result;
  runtime::BackoffLimits limits;
  limits.first = std::chrono::milliseconds(500);
  runtime::Backoff backoff(limits);
  // In a resumed pass also when ids count: jobs of a predecessor of ours that chose none.
  bool look_first = pass.resumed;
  bool ids_count = false;
  bool repeated = false;
  while (!jobs.empty()) {
    if (look_first) {
      const std::size_t before = jobs.size();
      const bool known = co_await drop_existing(client, jobs, mark, pass);
      if (!known) break;
      const std::size_t found = before - jobs.size();
      // Those of this very pass whose answer got lost; in a resumed pass a predecessor counted.
      (pass.resumed ? result.existed : result.created) += found;
    }
    Round round(client, std::move(jobs), pass);
    co_await round.run();
    result.created += round.created();
    (pass.resumed || !repeated ? result.existed : result.created) += round.existed();
    result.refused += round.refused();
    jobs = round.take_left();
    if (jobs.empty()) break;
    ids_count = ids_count || round.ids_count();
    look_first = !ids_count;
    repeated = true;
    const auto delay = backoff.next();
    const bool again = co_await wait_for_retry(delay, pass);
    if (!again) break;
  }
  if (!jobs.empty()) result.outcome = PassOutcome::Unfinished;
  co_return result;
}

}  // namespace jobengine::distributor
