// jobctl restore: the queue made whole again from the stored jobs, as the queue keeper does it, but
// now.
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/program/program.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/repair/queue_look.hpp"
#include "common/runtime/deadline.hpp"
#include "common/runtime/failure.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "ctl/api_access.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "ctl/times.hpp"

namespace jobengine::ctl {

namespace {

using repair::RepairPlan;
using repair::Sight;

constexpr std::size_t pushes_at_once = 500;
// Of what was done, so many are listed for people.
constexpr std::size_t most_listed = 20;

struct Done {
  std::vector<repair::Push> pushed;
  std::vector<repair::Removal> removed;
  std::set<std::string> left;  // jobs without entry that are too young to be judged
  std::size_t waiting_for_room = 0;
  std::size_t unknown = 0;  // pushes of which it is not known whether they were made
};

// Everything one restore works with. Shared with an answer that comes too late.
class Restoring {
 public:
  Restoring(std::unique_ptr<cimi::Client> client, std::unique_ptr<zookeeper::Session> session,
            const RestoreCommand& command)
      : client_(std::move(client)),
        session_(std::move(session)),
        queue_(*session_),
        look_(queue_, command.capacity),
        dry_run_(command.dry_run) {
    limits_.grace = command.grace;
    limits_.settle = std::min(limits_.settle, limits_.grace);
    limits_.capacity = command.capacity;
    if (dry_run_) limits_.settle = repair::Span(0);
  }

  queue::LockingQueue& queue() { return queue_; }
  awaitable<void> close() { return session_->close(); }

  // Looks until nothing is left to be judged, at most for the grace period.
  awaitable<Done> restore();

 private:
  awaitable<Sight> look();
  RepairPlan plan(const Sight& sight);
  awaitable<void> push(std::vector<repair::Push> pushes);
  awaitable<void> remove(std::vector<repair::Removal> removals);
  awaitable<void> remove_own_duplicates();
  void tell_wait(const RepairPlan& plan, repair::Span time) const;

  std::unique_ptr<cimi::Client> client_;
  std::unique_ptr<zookeeper::Session> session_;
  queue::LockingQueue queue_;
  repair::QueueLook look_;
  const bool dry_run_;
  repair::RepairLimits limits_;
  repair::Suspicions suspicions_;
  runtime::Event never_;
  std::map<std::string, queue::EntryName> own_;  // job id: the entry made for it
  Done done_;
};

awaitable<Sight> Restoring::look() {
  const repair::FindJobs find =
      [this](cimi::Search search) -> awaitable<std::optional<repair::JobRows>> {
    auto asked = client_->search("job", std::move(search));
    auto reply = co_await std::move(asked);
    reply = expect_ok(std::move(reply));
    repair::JobRows rows;
    for (nlohmann::json& row : reply.document["resources"]) rows.push_back(std::move(row));
    co_return rows;
  };
  auto sight = co_await look_.look(find, suspicions_, never_);
  JE_CHECK(sight.has_value(), "a look that nothing interrupts");
  co_return std::move(*sight);
}

RepairPlan Restoring::plan(const Sight& sight) {
  auto plan = repair::plan_repair(sight.entries, sight.jobs, suspicions_, limits_, runtime::now());
  // Whether a job is gone, or only hidden from whoever asks here, is for the queue keeper to know.
  const auto gone = [](repair::EntryTrouble trouble) {
    return trouble == repair::EntryTrouble::JobGone;
  };
  std::erase_if(plan.removals, [&](const auto& removal) { return gone(removal.trouble); });
  std::erase_if(plan.suspicions.dead, [&](const auto& one) { return gone(one.second.trouble); });
  for (const auto& removal : plan.removals) plan.suspicions.dead.erase(removal.name);
  suspicions_ = plan.suspicions;
  done_.waiting_for_room = plan.waiting_for_room;
  return plan;
}

awaitable<Done> Restoring::restore() {
  const auto deadline = runtime::now() + limits_.grace + limits_.settle;
  for (;;) {
    const auto sight = co_await look();
    auto plan = this->plan(sight);
    co_await push(std::move(plan.pushes));
    co_await remove(std::move(plan.removals));
    const auto left = deadline - runtime::now();
    const std::size_t open = suspicions_.missing.size() - done_.waiting_for_room;
    const bool settled = open == 0 && suspicions_.dead.empty();
    if (settled || left <= repair::Span(0) || dry_run_) break;
    const auto pause = std::min<repair::Span>(left, limits_.settle);
    tell_wait(plan, left);
    co_await never_.wait_for(pause);
  }
  for (const auto& [job, since] : suspicions_.missing) done_.left.insert(job);
  co_await remove_own_duplicates();
  co_return done_;
}

void Restoring::tell_wait(const RepairPlan& plan, repair::Span time) const {
  std::fprintf(
      stderr, "%zu jobs without an entry, %zu dubious entries: watched for another %s at most\n",
      plan.suspicions.missing.size(), plan.suspicions.dead.size(), duration_text(time).c_str());
}

awaitable<void> Restoring::push(std::vector<repair::Push> pushes) {
  for (std::size_t start = 0; start < pushes.size(); start += pushes_at_once) {
    const std::size_t end = std::min(start + pushes_at_once, pushes.size());
    std::vector<queue::PutRequest> requests;
    for (std::size_t i = start; i < end; ++i) {
      done_.pushed.push_back(pushes[i]);
      requests.push_back({pushes[i].job_id, pushes[i].priority});
    }
    if (dry_run_) continue;
    const auto replies = co_await queue_.put_all(std::move(requests));
    for (std::size_t i = 0; i < replies.size(); ++i) {
      const auto& path = replies[i].path;
      const auto name = queue::parse_entry_name(std::string_view(path).substr(path.rfind('/') + 1));
      if (name) own_[pushes[start + i].job_id] = *name;
      if (replies[i].outcome == queue::PutOutcome::Unknown) ++done_.unknown;
    }
  }
}

awaitable<void> Restoring::remove(std::vector<repair::Removal> removals) {
  for (repair::Removal& removal : removals) {
    bool removed = true;
    if (!dry_run_) removed = co_await queue_.remove_untaken(removal.name);
    if (removed) done_.removed.push_back(removal);
  }
}

// Somebody else may have pushed the same jobs at the same time. Of two entries the one goes that
// the queue keeper and another restore would take away as well, so that never both do.
awaitable<void> Restoring::remove_own_duplicates() {
  if (own_.empty()) co_return;
  const auto sight = co_await look();
  std::vector<repair::Removal> doubles;
  for (const repair::QueueEntry& entry : sight.entries) {
    const auto own = own_.find(entry.job_id);
    if (own == own_.end() || own->second == entry.name) continue;
    if (own->second < entry.name && !entry.taken) continue;
    doubles.push_back({own->second, repair::EntryTrouble::Duplicate});
  }
  co_await remove(std::move(doubles));
}

nlohmann::json json_of(const Done& done, bool dry_run) {
  nlohmann::json pushed = nlohmann::json::array();
  for (const auto& push : done.pushed) {
    pushed.push_back({{"job", push.job_id}, {"priority", push.priority}});
  }
  nlohmann::json removed = nlohmann::json::array();
  for (const auto& removal : done.removed) {
    removed.push_back({{"entry", removal.name.text()}, {"reason", repair::text(removal.trouble)}});
  }
  return {{"dry-run", dry_run},
          {"pushed", std::move(pushed)},
          {"removed", std::move(removed)},
          {"left", done.left},
          {"waiting-for-room", done.waiting_for_room},
          {"unknown", done.unknown}};
}

void print_tables(const Done& done) {
  Table pushed({"JOB", "PRIORITY"});
  for (const auto& push : done.pushed) {
    if (pushed.rows() < most_listed) pushed.add({push.job_id, std::to_string(push.priority)});
  }
  if (pushed.rows() > 0) std::printf("\n%s", pushed.text().c_str());
  Table removed({"ENTRY", "REMOVED FOR"});
  for (const auto& removal : done.removed) {
    if (removed.rows() < most_listed) {
      removed.add({removal.name.text(), repair::text(removal.trouble)});
    }
  }
  if (removed.rows() > 0) std::printf("\n%s", removed.text().c_str());
}

void print(const Done& done, bool dry_run) {
  const bool nothing = done.pushed.empty() && done.removed.empty() && done.left.empty() &&
                       done.waiting_for_room == 0;
  if (nothing) {
    std::printf("nothing to restore: every job that should have an entry has one\n");
    return;
  }
  const char* would = dry_run ? "would be " : "";
  std::printf("%zu jobs %sput back into the queue, %zu entries %sremoved\n", done.pushed.size(),
              would, done.removed.size(), would);
  const std::size_t watched = done.left.size() - done.waiting_for_room;
  if (watched > 0) {
    std::printf("%zu jobs without an entry %s\n", watched,
                dry_run ? "would be watched first: they are RUNNING or young"
                        : "are too young to be judged: run it again");
  }
  if (done.waiting_for_room > 0) {
    std::printf("%zu jobs wait until the queue is shorter (--queue-capacity)\n",
                done.waiting_for_room);
  }
  if (done.unknown > 0) {
    std::printf("%zu jobs may or may not have got their entry: run it again\n", done.unknown);
  }
  print_tables(done);
}

}  // namespace

awaitable<int> restore(asio::io_context& loop, const RestoreCommand& command,
                       const Context& context) {
  auto options = program::session_options(context.settings);
  std::string hosts;
  for (const std::string& host : options.hosts) hosts += (hosts.empty() ? "" : ",") + host;
  auto client = co_await open_api(loop, context);
  const auto restoring = std::make_shared<Restoring>(
      std::move(client), zookeeper::make_session(loop, std::move(options)), command);
  const auto deadline = runtime::Clock::now() + command.timeout;
  auto asked = restoring->queue().depth();
  const auto depth = co_await runtime::until(deadline, std::move(asked));
  if (!depth) {
    co_await restoring->close();
    throw runtime::Failure("ZooKeeper at " + hosts + " does not answer within " +
                           duration_text(command.timeout) +
                           "; --zk-hosts or JOB_ZK_HOSTS says where it is");
  }
  Done done;
  std::exception_ptr failure;
  try {
    done = co_await restoring->restore();
  } catch (...) {
    failure = std::current_exception();
  }
  co_await restoring->close();
  if (failure) std::rethrow_exception(failure);
  if (context.output == Output::Json) {
    std::printf("%s\n", json_of(done, command.dry_run).dump(2).c_str());
  } else {
    print(done, command.dry_run);
  }
  co_return program::exit_ok;
}

}  // namespace jobengine::ctl
