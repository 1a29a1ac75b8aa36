// A thread of the executor that runs the actions of one plugin: isolation `shared`, for trusted
// actions. What the action says travels to the loop by posting; nothing of the loop is touched from
// its thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/runtime/event.hpp"
#include "executor/hosts/action_host.hpp"
#include "executor/hosts/shared_threads.hpp"

namespace jobengine::executor {

// Lives on the loop.
class SharedHost final : public ActionHost {
 public:
  // Returns when the plugin is loaded and a set of its actions made, on the new thread. Throws
  // runtime::Failure when that cannot be, or takes longer than `limit`: such a thread counts as
  // stuck until it is done.
  static awaitable<std::shared_ptr<SharedHost>> start(asio::io_context& loop,
                                                      std::shared_ptr<SharedThreads> threads,
                                                      std::string plugin_file,
                                                      runtime::Duration limit);
  // close() must have returned, unless the loop has stopped for good.
  ~SharedHost() override;
  SharedHost(const SharedHost&) = delete;
  SharedHost& operator=(const SharedHost&) = delete;

  const std::string& plugin_file() const override { return plugin_file_; }
  bool reusable() const override;
  int jobs_run() const override { return jobs_run_; }
  bool can_be_killed() const override { return false; }

  awaitable<HostRunEnd> run(RunMessage message, HostListener& listener) override;
  void ask_to_stop() override;
  void signal(int) override {}
  void count_as_stuck() override;
  void renew_lease(LeaseStamp lease) override;
  void answer(ApiAnswerMessage answer) override;
  awaitable<void> close() override;

 private:
  class Thread;
  SharedHost(std::shared_ptr<SharedThreads> threads, std::string plugin_file);
  void accept(FromHost message);
  void end();
  void not_stuck_any_more();

  std::shared_ptr<SharedThreads> threads_;
  std::string plugin_file_;
  std::shared_ptr<Thread> thread_;  // shared with the thread itself

  bool ready_ = false;
  std::string refused_;
  HostListener* listener_ = nullptr;  // during a run
  std::optional<ResultMessage> result_;
  runtime::Event news_;   // ready, refused or a result
  runtime::Event ended_;  // the thread is about to return
  int jobs_run_ = 0;
  bool worn_ = false;
  bool stuck_ = false;
  std::shared_ptr<SharedHost> loads_late_;  // itself, until a plugin that is not waited for loads
};

}  // namespace jobengine::executor
