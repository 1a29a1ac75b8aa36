// What an action host may take of the machine: given to job-executor as options, handed to
// job-action-host as arguments, and set there before any code of a plugin is loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::executor {

// None: as the executor's own. Each holds for every process an action starts, too, except that
// `processes` is counted over all processes and threads of the user. Core files are always off.
struct HostLimits {
  std::optional<std::uint64_t> memory;  // bytes, RLIMIT_DATA
  std::optional<std::uint64_t> open_files;
  std::optional<std::uint64_t> processes;  // not kept by the kernel for root
  std::optional<std::uint64_t> file_size;  // bytes
};

// "512M", "2GiB", "1000000": bytes, or with K, M, G, T of 1024 each. Nothing for anything else.
std::optional<std::uint64_t> parse_size(std::string_view text);

// Arguments of job-action-host that say the same: {"--memory", "1073741824", …}.
std::vector<std::string> to_arguments(const HostLimits& limits);

// Takes one option of to_arguments() in; false when `name` is none of them. Throws
// runtime::Failure for a value that is no number.
bool take_argument(HostLimits& limits, std::string_view name, std::string_view value);

// Sets them for this process and all it starts. Throws runtime::Failure naming the limit the system
// refuses to set.
void apply(const HostLimits& limits);

}  // namespace jobengine::executor
