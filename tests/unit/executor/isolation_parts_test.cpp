#include <catch2/catch.hpp>
#include <csignal>

#include "common/runtime/failure.hpp"
#include "executor/hosts/breakdown.hpp"
#include "executor/hosts/host_limits.hpp"

using namespace jobengine;
using namespace jobengine::executor;

TEST_CASE("sizes are read with their units, and nothing else is") {
  CHECK(parse_size("0") == 0U);
  CHECK(parse_size("1000") == 1000U);
  CHECK(parse_size("3K") == 3UL << 10);
  CHECK(parse_size("512M") == 512UL << 20);
  CHECK(parse_size("2GiB") == 2UL << 30);
  CHECK(parse_size("1T") == 1UL << 40);
  for (const char* wrong :
       {"", "M", "-1", "+1", "1.5G", "1 G", "1B", "1iB", "1MB", "1GG", "9999999999G", "0x10"}) {
    INFO(wrong);
    CHECK_FALSE(parse_size(wrong));
  }
}

TEST_CASE("limits survive the way through the arguments of a host") {
  HostLimits limits;
  limits.memory = 1UL << 30;
  limits.processes = 50;
  const auto arguments = to_arguments(limits);
  REQUIRE(arguments.size() == 4);
  HostLimits read;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    CHECK(take_argument(read, arguments[i], arguments[i + 1]));
  }
  CHECK(read.memory == limits.memory);
  CHECK(read.processes == limits.processes);
  CHECK_FALSE(read.open_files);
  CHECK_FALSE(read.file_size);
  CHECK_FALSE(take_argument(read, "--serve", "file"));
  CHECK_THROWS_WITH(take_argument(read, "--memory", "1G"), Catch::Contains("is no number"));
}

TEST_CASE("how a host ended is told in a sentence") {
  HostEnd end;
  end.status.code = 3;
  CHECK(breakdown_text(end) == "The action ended its process with exit code 3");
  end.status.code = exit_connection_gone;
  CHECK_THAT(breakdown_text(end), Catch::Contains("descriptors its host needs were closed"));
  end.status.signal_number = SIGSEGV;
  CHECK(breakdown_text(end) ==
        "The action broke its process: killed by signal 11 (Segmentation fault)");
  end.status.signal_number = SIGKILL;
  CHECK_THAT(breakdown_text(end), Catch::EndsWith("the system was out of memory"));
  end.given_up = "its host sent nonsense";
  CHECK(breakdown_text(end) == "The action broke its process: its host sent nonsense");
  end.replaced_by = "sleep";
  CHECK(breakdown_text(end) ==
        "The action replaced its process by the program sleep, which was killed");
  end.given_up.clear();
  end.status = {};
  CHECK_THAT(breakdown_text(end), Catch::EndsWith("sleep, which exited with code 0"));
}

TEST_CASE("a limit on memory is named where memory was not to be had") {
  HostLimits limits;
  CHECK(with_memory_limit("std::bad_alloc", "std::bad_alloc", limits) == "std::bad_alloc");
  limits.memory = 1024;
  CHECK_THAT(with_memory_limit("std::bad_alloc", "std::bad_alloc", limits),
             Catch::Contains("limited to 1024"));
  CHECK_THAT(with_memory_limit("killed", "what(): std::bad_alloc", limits),
             Catch::Contains("--host-memory"));
  CHECK(with_memory_limit("it broke", "", limits) == "it broke");
  // Our own guess at a SIGKILL speaks of memory, too.
  const std::string killed =
      "killed; if nobody sent it, the process stood still past its lease, or the system was out of "
      "memory";
  CHECK(with_memory_limit(killed, "last words", limits) == killed);
}
