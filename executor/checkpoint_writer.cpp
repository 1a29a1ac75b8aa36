#include "executor/checkpoint_writer.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/runtime/crash_point.hpp"
#include "executor/hosts/host_message.hpp"

namespace jobengine::executor {

namespace {

// Nothing wrong: empty. The host has looked already, unless it is none of ours.
std::string complaint_about(const std::string& checkpoint) {
  if (checkpoint.size() > longest_checkpoint) {
    return "it has " + std::to_string(checkpoint.size()) + " bytes; a checkpoint has at most " +
           std::to_string(longest_checkpoint);
  }
  if (!nlohmann::json::accept(checkpoint)) return "it is not JSON";
  return {};
}

// The keeper is used before the first suspension only.
awaitable<std::string> keep_in(AttemptKeeper& keeper, std::string checkpoint) {
  queue::AttemptRecord record = keeper.record();
  record.checkpoint = std::move(checkpoint);
  record.not_before.reset();
  return keeper.keep(std::move(record));
}

}  // namespace

CheckpointWriter::CheckpointWriter(AttemptKeeper* keeper, runtime::TaskGroup& background,
                                   Answer answer)
    : keeper_(keeper), background_(background), answer_(std::move(answer)) {}

void CheckpointWriter::save(std::uint64_t request, std::string text) {
  std::string why = complaint_about(text);
  if (keeper_ == nullptr) why = "pull mode keeps no checkpoints: there is no queue to keep them in";
  if (closed_) why = "the run is over";
  if (!why.empty()) {
    answer_(request, why);
    return;
  }
  waiting_.push_back(request);
  latest_ = std::move(text);
  if (writing_) return;
  writing_ = true;
  idle_.reset();
  background_.spawn(write());
}

awaitable<void> CheckpointWriter::write() {
  auto self = shared_from_this();
  while (!waiting_.empty() && !closed_) {
    const std::vector<std::uint64_t> served = std::exchange(waiting_, {});
    std::string text = std::move(latest_);
    const std::string why = co_await keep_in(*keeper_, std::move(text));
    JE_CRASH_POINT("executor.checkpoint.kept");
    for (const std::uint64_t request : served) answer_(request, why);
  }
  for (const std::uint64_t request : std::exchange(waiting_, {})) {
    answer_(request, "the run is over");
  }
  writing_ = false;
  idle_.raise();
}

awaitable<void> CheckpointWriter::close(runtime::Duration limit) {
  closed_ = true;
  if (writing_) co_await idle_.wait_for(limit);
}

}  // namespace jobengine::executor
