// job-api under clients that mean it ill: it answers or closes, its memory stays bounded, and
// others are served meanwhile.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <list>

#include "tests/integration/api/wire.hpp"
#include "tests/servers/api_server.hpp"

namespace jobengine::tests {
namespace {

using SteadyClock = std::chrono::steady_clock;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool instrumented = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool instrumented = true;
#else
constexpr bool instrumented = false;
#endif
#else
constexpr bool instrumented = false;
#endif

// A sanitizer keeps what was freed for a while, and shadows the rest.
constexpr std::size_t memory_factor = instrumented ? 8 : 1;
constexpr std::size_t mebibyte = 1024U * 1024;

std::size_t resident_memory(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  status >> total >> resident;
  return resident * 4096;
}

std::size_t open_files(int pid) {
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

const std::string entry_point =
    "GET /api/cloud-entry-point HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

bool serves_others(std::uint16_t port) {
  const auto begun = SteadyClock::now();
  const bool answered = converse(port, entry_point).starts_with("HTTP/1.1 200 ");
  return answered && SteadyClock::now() - begun < std::chrono::seconds(5);
}

// Descriptors for that many connections of ours; false when the system does not let us.
bool can_open(rlim_t count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max >= count + 200;
}

TEST_CASE("job-api: 10000 open connections cost little each, and others are served", "[api]") {
  constexpr std::size_t count = 10000;
  if (!can_open(count)) {
    WARN("skipped: the hard limit of open files forbids 10000 connections");
    return;
  }
  const ApiServer server;
  REQUIRE(serves_others(server.port()));
  const auto before = resident_memory(server.pid());
  std::list<Wire> wires;
  for (std::size_t one = 0; one < count; ++one) {
    wires.emplace_back(server.port());
    // Half of them have been of use already.
    if (one % 2 == 0) wires.back().send("OPTIONS /api/ HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  for (auto wire = wires.begin(); wire != wires.end(); std::advance(wire, 2)) {
    REQUIRE(wire->read_until("\r\n\r\n").starts_with("HTTP/1.1 204 "));
  }
  CHECK(open_files(server.pid()) > count);
  for (int other = 0; other < 20; ++other) CHECK(serves_others(server.port()));
  const auto grown = resident_memory(server.pid()) - before;
  std::printf("{\"open_connections\":%zu,\"bytes_each\":%zu}\n", count, grown / count);
  CHECK(grown / count < 6000 * memory_factor);
  wires.clear();
  CHECK(serves_others(server.port()));
}

TEST_CASE("job-api: requests that arrive slowly keep nobody waiting", "[api]") {
  const ApiServer server;
  REQUIRE(serves_others(server.port()));
  const auto before = resident_memory(server.pid());
  constexpr std::size_t count = 400;
  REQUIRE(can_open(3 * count));
  std::list<Wire> wires;
  for (std::size_t one = 0; one < count; ++one) {
    wires.emplace_back(server.port());
    wires.back().send("GET /api/job HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    wires.emplace_back(server.port());
    // All of a body of 1 MiB is announced, little of it comes.
    wires.back().send("POST /api/job HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n{");
    wires.emplace_back(server.port());
    wires.back().send("POST /api/job HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1");
  }
  for (int other = 0; other < 20; ++other) {
    for (auto& wire : wires) wire.send("0");
    CHECK(serves_others(server.port()));
  }
  CHECK(resident_memory(server.pid()) - before < 200 * mebibyte * memory_factor);
}

TEST_CASE("job-api: large bodies that never end are bounded together", "[api]") {
  // Four times the body limit would be less than the 256 MiB that are kept at most.
  const ApiServer server({{}, {"--body-limit", "67108864"}, {}});
  REQUIRE(serves_others(server.port()));
  const auto before = resident_memory(server.pid());
  const std::string most(32 * mebibyte, ' ');
  std::list<Wire> wires;
  std::size_t refused = 0;
  for (int one = 0; one < 16; ++one) {
    wires.emplace_back(server.port());
    auto& wire = wires.back();
    wire.send("POST /api/job HTTP/1.1\r\nHost: x\r\nContent-Length: 67108864\r\n\r\n");
    // Who is refused while it sends does not see the answer for certain.
    if (!wire.send(most)) ++refused;
  }
  CHECK(serves_others(server.port()));
  CHECK(refused > 0);
  CHECK(resident_memory(server.pid()) - before < 600 * mebibyte * memory_factor);
}

TEST_CASE("job-api: a thousand pipelined requests are answered, others in between", "[api]") {
  const ApiServer server;
  Wire wire(server.port());
  std::string all;
  for (int one = 0; one < 999; ++one) {
    all += "GET /api/cloud-entry-point HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  REQUIRE(wire.send(all + entry_point));
  CHECK(serves_others(server.port()));
  const auto answers = wire.read_all();
  std::size_t count = 0;
  for (auto at = answers.find("HTTP/1.1 200 OK"); at != std::string::npos;
       at = answers.find("HTTP/1.1 200 OK", at + 1)) {
    ++count;
  }
  CHECK(count == 1000);
}

TEST_CASE("job-api: answers that nobody reads are bounded, and others are served", "[api]") {
  const ApiServer server;
  REQUIRE(serves_others(server.port()));
  const auto before = resident_memory(server.pid());
  std::string many;
  for (int one = 0; one < 2000; ++one) {
    many += "GET /api/cloud-entry-point HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  std::list<Wire> wires;
  for (int one = 0; one < 50; ++one) {
    wires.emplace_back(server.port());
    wires.back().send(many);
  }
  for (int other = 0; other < 20; ++other) CHECK(serves_others(server.port()));
  CHECK(resident_memory(server.pid()) - before < 100 * mebibyte * memory_factor);
}

TEST_CASE("job-api: a client that has ended its side is answered", "[api]") {
  const ApiServer server;
  Wire whole(server.port());
  whole.send("GET /api/cloud-entry-point HTTP/1.1\r\nHost: x\r\n\r\n");
  whole.end_sending();
  CHECK(whole.read_all().starts_with("HTTP/1.1 200 "));
  Wire half(server.port());
  half.send("GET /api/cloud-entry-point HTTP/1.1\r\nHos");
  half.end_sending();
  CHECK(half.read_all().empty());
}

// Seconds of processor time.
double processor_time(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string word;
  for (int skipped = 0; skipped < 13; ++skipped) file >> word;
  long user = 0;
  long system = 0;
  file >> user >> system;
  return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

TEST_CASE("job-api: out of descriptors it serves on, without spinning", "[api]") {
  const ApiServer server({{}, {"--threads", "1"}, {}});
  REQUIRE(serves_others(server.port()));
  const auto most = static_cast<rlim_t>(open_files(server.pid()) + 8);
  const rlimit few{most, most};
  REQUIRE(::prlimit(server.pid(), RLIMIT_NOFILE, &few, nullptr) == 0);
  std::list<Wire> idle;
  for (int one = 0; one < 50; ++one) idle.emplace_back(server.port());
  CHECK(serves_others(server.port()));
  std::list<Wire> busy;
  for (int one = 0; one < 50; ++one) {
    busy.emplace_back(server.port());
    busy.back().send("GET /api/cloud-entry-point HTTP/1.1\r\n");
  }
  const auto before = processor_time(server.pid());
  // Ends when those that are busy have had their time, 10 s.
  CHECK(busy.front().read_all().starts_with("HTTP/1.1 408 "));
  CHECK(processor_time(server.pid()) - before < (instrumented ? 8.0 : 3.0));
  busy.clear();
  CHECK(converse(server.port(), entry_point).starts_with("HTTP/1.1 200 "));
}

TEST_CASE("job-api: one connection too many ends the longest idle one, or is told 503", "[api]") {
  const ApiServer server({{}, {"--max-connections", "3", "--threads", "1"}, {}});
  Wire oldest(server.port());
  Wire second(server.port());
  Wire third(server.port());
  for (auto* wire : {&oldest, &second, &third}) {
    wire->send("GET /api/cloud-entry-point HTTP/1.1\r\nHost: x\r\n\r\n");
    wire->read_until("}}");
  }
  CHECK(serves_others(server.port()));
  CHECK(oldest.read_all().empty());
  // The two that are left are busy from now on, and so is one more.
  Wire last(server.port());
  for (auto* wire : {&second, &third, &last}) {
    wire->send(
        "PUT /api/job HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    REQUIRE(wire->read_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
  }
  const auto answer = converse(server.port(), entry_point);
  CHECK(answer.starts_with("HTTP/1.1 503 "));
  CHECK(answer.find("too many connections") != std::string::npos);
  second.send("   ");
  CHECK(second.read_until("}").starts_with("HTTP/1.1 "));
}

}  // namespace
}  // namespace jobengine::tests
