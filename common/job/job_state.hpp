// The states of a job and who moves it (spec 2.2). Pure.
//
//            add                    executor: action starts            executor: outcome
//   (none) ───────► QUEUED ───────────────────────────────► RUNNING ──────────────────────► SUCCESS
//   | FAILED
//                     │  ▲                                    │  │
//                     │  └── executor: mixed mode falls back ─┘  │
//                     └──────── cancel ──────► CANCELED ◄────────┘ cancel, timeout
//
// SUCCESS, FAILED and CANCELED are final: no edit is accepted any more.
#pragma once

#include <optional>
#include <string_view>

namespace jobengine::job {

enum class JobState { Queued, Running, Success, Failed, Canceled };

std::string_view text(JobState state);  // "QUEUED", …, "CANCELED" (one L)
std::optional<JobState> parse_job_state(std::string_view text);
bool is_final(JobState state);

enum class ExecutionMode { Push, Pull, Mixed };

std::string_view text(ExecutionMode mode);  // "push", "pull", "mixed"
std::optional<ExecutionMode> parse_execution_mode(std::string_view text);

}  // namespace jobengine::job
