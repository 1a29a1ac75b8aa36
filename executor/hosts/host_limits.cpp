#include "executor/hosts/host_limits.hpp"

#include <sys/resource.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

using Field = std::optional<std::uint64_t> HostLimits::*;

struct Kind {
  std::string_view argument;
  Field field;
  __rlimit_resource_t resource;
  const char* what;
};
// RLIMIT_DATA counts what is really written to (heap, private mappings, stacks of threads).
// RLIMIT_AS counts reserved addresses as well: with it, runtimes that reserve gigabytes and use
// little (Java, Go, node, sanitizers) do not even start.
constexpr std::array kinds = {
    Kind{"--memory", &HostLimits::memory, RLIMIT_DATA, "memory"},
    Kind{"--open-files", &HostLimits::open_files, RLIMIT_NOFILE, "open files"},
    Kind{"--processes", &HostLimits::processes, RLIMIT_NPROC, "processes"},
    Kind{"--file-size", &HostLimits::file_size, RLIMIT_FSIZE, "the size of files"},
};

// Null when it is no number.
std::optional<std::uint64_t> number_of(std::string_view text, std::string_view& rest) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return number;
}

void set(__rlimit_resource_t resource, std::uint64_t most, const char* what) {
  rlimit now{};
  ::getrlimit(resource, &now);
  // Who may not raise the hard limit keeps it: it is the stricter one.
  rlimit wanted{most, most};
  if (::setrlimit(resource, &wanted) == 0) return;
  wanted.rlim_max = now.rlim_max;
  wanted.rlim_cur = std::min<rlim_t>(most, now.rlim_max);
  if (::setrlimit(resource, &wanted) == 0) return;
  throw runtime::Failure(std::string("cannot limit ") + what + " to " + std::to_string(most) +
                         ": " + std::strerror(errno));
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::string_view unit;
  const auto number = number_of(text, unit);
  if (!number) return std::nullopt;
  if (unit.ends_with("iB")) {
    unit.remove_suffix(2);
    if (unit.empty()) return std::nullopt;
  }
  unsigned shift = 0;
  if (unit == "K" || unit == "k") shift = 10;
  if (unit == "M") shift = 20;
  if (unit == "G") shift = 30;
  if (unit == "T") shift = 40;
  if (shift == 0 && !unit.empty()) return std::nullopt;
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  if (*number > most >> shift) return std::nullopt;
  return *number << shift;
}

std::vector<std::string> to_arguments(const HostLimits& limits) {
  std::vector<std::string> arguments;
  for (const Kind& kind : kinds) {
    const auto& limit = limits.*kind.field;
    if (!limit) continue;
    arguments.emplace_back(kind.argument);
    arguments.push_back(std::to_string(*limit));
  }
  return arguments;
}

bool take_argument(HostLimits& limits, std::string_view name, std::string_view value) {
  for (const Kind& kind : kinds) {
    if (kind.argument != name) continue;
    std::string_view rest;
    const auto number = number_of(value, rest);
    if (!number || !rest.empty()) {
      throw runtime::Failure(std::string(name) + ": \"" + std::string(value) +
                             "\" is no number; expected one like 1024");
    }
    limits.*kind.field = number;
    return true;
  }
  return false;
}

void apply(const HostLimits& limits) {
  set(RLIMIT_CORE, 0, "core files");
  for (const Kind& kind : kinds) {
    const auto& limit = limits.*kind.field;
    if (limit) set(kind.resource, *limit, kind.what);
  }
}

}  // namespace jobengine::executor
