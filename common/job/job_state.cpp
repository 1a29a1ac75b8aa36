#include "common/job/job_state.hpp"

#include <array>

#include "common/runtime/failure.hpp"

namespace jobengine::job {

std::string_view text(JobState state) {
  switch (state) {
    case JobState::Queued:
      return "QUEUED";
    case JobState::Running:
      return "RUNNING";
    case JobState::Success:
      return "SUCCESS";
    case JobState::Failed:
      return "FAILED";
    case JobState::Canceled:
      return "CANCELED";
  }
  JE_CHECK(false, "a known job state");
}

std::optional<JobState> parse_job_state(std::string_view name) {
  constexpr std::array all = {JobState::Queued, JobState::Running, JobState::Success,
                              JobState::Failed, JobState::Canceled};
  for (JobState state : all) {
    if (text(state) == name) return state;
  }
  return std::nullopt;
}

bool is_final(JobState state) {
  return state == JobState::Success || state == JobState::Failed || state == JobState::Canceled;
}

std::string_view text(ExecutionMode mode) {
  switch (mode) {
    case ExecutionMode::Push:
      return "push";
    case ExecutionMode::Pull:
      return "pull";
    case ExecutionMode::Mixed:
      return "mixed";
  }
  JE_CHECK(false, "a known execution mode");
}

std::optional<ExecutionMode> parse_execution_mode(std::string_view name) {
  for (ExecutionMode mode : {ExecutionMode::Push, ExecutionMode::Pull, ExecutionMode::Mixed}) {
    if (text(mode) == name) return mode;
  }
  return std::nullopt;
}

}  // namespace jobengine::job
