// jobctl queue: what ZooKeeper holds: depth, head, and what is taken, by whom and since when.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/program/program.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/runtime/deadline.hpp"
#include "common/runtime/failure.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "ctl/times.hpp"

namespace jobengine::ctl {

namespace {

struct EntryView {
  queue::EntryName name;
  std::string job;  // "" when it was gone before we looked
};

struct QueueView {
  queue::Depth depth;
  std::vector<EntryView> head;  // what waits, in the order of service
  std::vector<std::pair<queue::Holder, std::string>> taken;
};

// Shared with a look that comes too late: that one goes on until the session is closed.
struct QueueAccess {
  explicit QueueAccess(std::unique_ptr<zookeeper::Session> opened)
      : session(std::move(opened)), queue(*session) {}
  std::unique_ptr<zookeeper::Session> session;
  queue::LockingQueue queue;
};

awaitable<std::string> job_of(queue::LockingQueue& queue, queue::EntryName name) {
  auto data = co_await queue.data_of(name);
  co_return data.value_or("");
}

awaitable<QueueView> look(std::shared_ptr<QueueAccess> access, std::size_t limit) {
  queue::LockingQueue& queue = access->queue;
  QueueView view;
  view.depth = co_await queue.depth();
  const auto entries = co_await queue.list();
  for (const queue::ListedEntry& entry : entries) {
    if (view.head.size() >= limit) break;
    if (entry.taken) continue;
    std::string job = co_await job_of(queue, entry.name);
    view.head.push_back(EntryView{entry.name, std::move(job)});
  }
  auto holders = co_await queue.holders();
  for (queue::Holder& holder : holders) {
    if (view.taken.size() >= limit) break;
    std::string job = co_await job_of(queue, holder.name);
    view.taken.emplace_back(std::move(holder), std::move(job));
  }
  co_return view;
}

std::string hex(std::int64_t session) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(session));
  return text;
}

WallTime since(const queue::Holder& holder) {
  return WallTime(std::chrono::milliseconds(holder.since_ms));
}

nlohmann::json json_of(const QueueView& view) {
  nlohmann::json head = nlohmann::json::array();
  for (const EntryView& entry : view.head) {
    head.push_back(
        {{"entry", entry.name.text()}, {"priority", entry.name.priority}, {"job", entry.job}});
  }
  nlohmann::json taken = nlohmann::json::array();
  for (const auto& [holder, job] : view.taken) {
    taken.push_back({{"entry", holder.name.text()},
                     {"priority", holder.name.priority},
                     {"job", job},
                     {"taker", holder.taker_id},
                     {"session", hex(holder.session_id)},
                     {"since", timestamp_text(since(holder))}});
  }
  return {{"entries", view.depth.entries},
          {"taken-entries", view.depth.taken},
          {"head", head},
          {"taken", taken}};
}

void print_view(const QueueView& view) {
  std::printf("%zu in the queue, %zu of them taken\n", view.depth.entries, view.depth.taken);
  if (!view.head.empty()) {
    std::printf("\nWaiting, next first:\n");
    Table table({"ENTRY", "PRIORITY", "JOB"});
    for (const EntryView& entry : view.head) {
      table.add({entry.name.text(), std::to_string(entry.name.priority), entry.job});
    }
    std::fputs(table.text().c_str(), stdout);
  }
  if (view.taken.empty()) return;
  std::printf("\nTaken:\n");
  Table table({"ENTRY", "JOB", "FOR", "BY", "SESSION"});
  const auto now = wall_now();
  for (const auto& [holder, job] : view.taken) {
    table.add({holder.name.text(), job, duration_text(now - since(holder)), holder.taker_id,
               hex(holder.session_id)});
  }
  std::fputs(table.text().c_str(), stdout);
}

}  // namespace

awaitable<int> queue(asio::io_context& loop, const QueueCommand& command, const Context& context) {
  auto options = program::session_options(context.settings);
  std::string hosts;
  for (const std::string& host : options.hosts) hosts += (hosts.empty() ? "" : ",") + host;
  auto access = std::make_shared<QueueAccess>(zookeeper::make_session(loop, std::move(options)));
  const auto deadline = runtime::Clock::now() + command.timeout;
  auto looking = look(access, static_cast<std::size_t>(command.last));
  const auto view = co_await runtime::until(deadline, std::move(looking));
  co_await access->session->close();
  if (!view) {
    throw runtime::Failure("ZooKeeper at " + hosts + " does not answer within " +
                           duration_text(command.timeout) +
                           "; --zk-hosts or JOB_ZK_HOSTS says where it is");
  }
  if (context.output == Output::Json) {
    std::printf("%s\n", json_of(*view).dump(2).c_str());
  } else {
    print_view(*view);
  }
  co_return program::exit_ok;
}

}  // namespace jobengine::ctl
