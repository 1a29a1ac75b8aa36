// Where an action runs, as the executor sees it: a process of its own (HostProcess) or a thread of
// the executor (SharedHost). The conversation is in executor/README.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/runtime/asio.hpp"
#include "executor/hosts/host_message.hpp"

namespace jobengine::executor {

enum class OutputStream { Stdout, Stderr };

// What a running action says. Called on the loop, between the start and the end of run().
class HostListener {
 public:
  virtual ~HostListener() = default;
  virtual void on_progress(int percent) = 0;
  virtual void on_status(std::string text) = 0;
  virtual void on_affected_resource(std::string href) = 0;
  virtual void on_log(int level, std::string line) = 0;
  // A line it printed, without its newline; not necessarily UTF-8.
  virtual void on_output(OutputStream stream, std::string_view line) = 0;
  // Both to be answered with ActionHost::answer(); a thread of the action waits for it.
  virtual void on_api_request(ApiRequestMessage request) = 0;
  virtual void on_checkpoint(CheckpointMessage checkpoint) = 0;
};

// Calls what fits the message; those of start and end are not for a listener and are ignored.
void hand_to(HostListener& listener, FromHost message);

// How a run ended: with a result, or with the end of the host.
struct HostRunEnd {
  std::optional<ResultMessage> result;
  // Without a result, a sentence: "The action ended its process with exit code 3", …
  std::string breakdown;
  std::string output;  // the last lines the action printed
};

// Lives on the loop.
class ActionHost {
 public:
  virtual ~ActionHost() = default;

  // The file whose actions it runs.
  virtual const std::string& plugin_file() const = 0;
  // Alive, idle, and everything it said made sense.
  virtual bool reusable() const = 0;
  virtual int jobs_run() const = 0;
  // False: stop requests are all there is, signal() does nothing (isolation `shared`).
  virtual bool can_be_killed() const = 0;

  // One job at a time. Returns when the action has returned or the host has ended, however that
  // came about; it has no limit of its own. `listener` must stay until then.
  virtual awaitable<HostRunEnd> run(RunMessage message, HostListener& listener) = 0;
  // The action is asked to stop.
  virtual void ask_to_stop() = 0;
  // To everything the host has started, and to itself.
  virtual void signal(int number) = 0;
  // Where it cannot be killed: the action has ignored the request to stop, for as long as that is
  // bearable. It is counted until it returns, and its slot is busy until then.
  virtual void count_as_stuck() {}
  virtual void renew_lease(LeaseStamp lease) = 0;
  virtual void answer(ApiAnswerMessage answer) = 0;

  // Ends it, and what hangs on it: a process however busy it is, a thread when its action returns.
  // To be awaited before the loop ends.
  virtual awaitable<void> close() = 0;
};

}  // namespace jobengine::executor
