// The checkpoints of one run on their way into the attempt record: one write at a time, and only
// the latest of those that wait.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/runtime/event.hpp"
#include "common/runtime/task_group.hpp"
#include "executor/attempt_keeper.hpp"

namespace jobengine::executor {

// Lives on the loop. Shared with the write under way, which outlives the run if it must.
class CheckpointWriter : public std::enable_shared_from_this<CheckpointWriter> {
 public:
  // Told of each request once: `why` is empty when it or a later one is kept, else the reason.
  using Answer = std::function<void(std::uint64_t request, const std::string& why)>;

  // `keeper` (null: there is nowhere to keep them) must stay until close(), `background` for good.
  CheckpointWriter(AttemptKeeper* keeper, runtime::TaskGroup& background, Answer answer);

  void save(std::uint64_t request, std::string text);
  // Somebody waits for an answer.
  bool busy() const { return writing_; }
  // The run is over: what is under way is waited for up to `limit`, the rest refused.
  awaitable<void> close(runtime::Duration limit);

 private:
  awaitable<void> write();

  AttemptKeeper* keeper_;
  runtime::TaskGroup& background_;
  Answer answer_;
  std::vector<std::uint64_t> waiting_;
  std::string latest_;
  bool writing_ = false;
  bool closed_ = false;
  runtime::Event idle_;
};

}  // namespace jobengine::executor
