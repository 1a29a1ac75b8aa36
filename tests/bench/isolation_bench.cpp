// What each kind of isolation costs, measured where the executor runs an action (host pool and
// host, no API): one JSON object a line, then a table. Asserts nothing.
//   isolation_bench [--jobs N] [--quick]
//   --jobs   jobs per measurement where a job takes microseconds (default 5000; a fiftieth of it
//            where a process is started for each)
//   --quick  a few jobs: shows that the program works
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/runtime/event_loop.hpp"
#include "common/runtime/failure.hpp"
#include "executor/hosts/host_environment.hpp"
#include "executor/hosts/host_pool.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::bench {
namespace {

using namespace executor;
using nlohmann::json;

struct Plan {
  int jobs = 5000;
  int hosts = 20;  // whose memory is measured
};

// One kind of isolation.
struct Kind {
  std::string name;
  HostWish nothing;           // an action that returns at once
  HostWish stay;              // one that stays until it is stopped; no file: there is none
  bool starts_hosts = false;  // a new host for every job
  bool slow = false;          // a process is started for every job
};

struct Row {
  std::string kind;
  json one;    // figures with one job at a time
  json eight;  // … with eight
  json idle;   // memory of a host
  json busy;
};

void print(const json& figure) {
  std::cout << figure.dump() << std::endl;
}

class Listener final : public HostListener {
 public:
  void on_progress(int) override {}
  void on_status(std::string) override {}
  void on_affected_resource(std::string) override {}
  void on_log(int, std::string) override {}
  void on_output(OutputStream, std::string_view) override {}
  void on_api_request(ApiRequestMessage) override {}
  void on_checkpoint(CheckpointMessage) override {}
};

// ---- time

double quantile(std::vector<double>& values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

// As large as the engine's jobs are.
RunMessage message(const std::string& action) {
  RunMessage run;
  run.action = action;
  run.document = json{{"id", "job/01920000-0000-7000-8000-000000000001"},
                      {"action", action},
                      {"state", "RUNNING"},
                      {"target-resource", {{"href", "deployment/01920000-0000-7000-8000-1"}}},
                      {"payload", json{{"image", "registry.example.com/some/image:1.2.3"}}.dump()},
                      {"status-message", std::string(600, 'x')}}
                     .dump();
  return run;
}

struct Lane {
  HostPool& pool;
  HostWish wish;
  int left = 0;  // jobs
  std::vector<double> milliseconds;
};

awaitable<void> run_jobs(Lane& lane) {
  Listener listener;
  while (lane.left-- > 0) {
    const auto begun = runtime::Clock::now();
    HostWish wish = lane.wish;
    std::shared_ptr<ActionHost> host = co_await lane.pool.borrow(std::move(wish));
    RunMessage run = message(lane.wish.action);
    const HostRunEnd end = co_await host->run(std::move(run), listener);
    lane.pool.give_back(std::move(host));
    if (!end.result) throw runtime::Failure("the action broke: " + end.breakdown + end.output);
    const std::chrono::duration<double, std::milli> took = runtime::Clock::now() - begun;
    lane.milliseconds.push_back(took.count());
  }
}

HostCommand host_command(const std::string& programs) {
  HostCommand command;
  command.program = programs + "/job-action-host";
  command.environment = host_environment(environ, {});
  return command;
}

HostPoolLimits pool_limits(const Kind& kind) {
  HostPoolLimits limits;
  limits.most_idle = 1000;
  limits.jobs_until_replaced = kind.starts_hosts ? 1 : 1'000'000;
  limits.shared_actions = SharedActions({"all"});
  return limits;
}

awaitable<json> measure_jobs(asio::io_context& loop, std::string programs, const Kind& kind,
                             int lanes, int jobs) {
  HostPool pool(loop, host_command(programs), pool_limits(kind));
  std::vector<Lane> work;
  for (int i = 0; i < lanes; ++i) work.push_back(Lane{pool, kind.nothing, 1, {}});
  runtime::TaskGroup runs(loop.get_executor());
  if (!kind.starts_hosts) {  // warm them
    for (Lane& lane : work) runs.spawn(run_jobs(lane));
    co_await runs.join();
  }
  for (Lane& lane : work) {
    lane.left = std::max(1, jobs / lanes);
    lane.milliseconds.clear();
  }
  const auto begun = runtime::Clock::now();
  for (Lane& lane : work) runs.spawn(run_jobs(lane));
  co_await runs.join();
  const std::chrono::duration<double> took = runtime::Clock::now() - begun;
  std::vector<double> all;
  for (const Lane& lane : work) {
    all.insert(all.end(), lane.milliseconds.begin(), lane.milliseconds.end());
  }
  co_await pool.close();
  const double rate = static_cast<double>(all.size()) / took.count();
  co_return json{{"figure", "job"},
                 {"isolation", kind.name},
                 {"at_a_time", lanes},
                 {"jobs", all.size()},
                 {"jobs_per_second", rate},
                 {"p50_ms", quantile(all, 0.5)},
                 {"p99_ms", quantile(all, 0.99)}};
}

// ---- memory

struct Memory {
  double pss_kb = 0;
  double rss_kb = 0;
};

void add_process(Memory& memory, const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/smaps_rollup");
  for (std::string word; file >> word;) {
    double value = 0;
    if (word == "Pss:" && file >> value) memory.pss_kb += value;
    if (word == "Rss:" && file >> value) memory.rss_kb += value;
  }
}

// Of a process and all that it has started.
void add_family(Memory& memory, const std::string& pid) {
  add_process(memory, pid);
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + pid + "/task")) {
    std::ifstream children(thread.path() / "children");
    for (std::string child; children >> child;) add_family(memory, child);
  }
}

Memory memory_now() {
  Memory memory;
  add_family(memory, std::to_string(::getpid()));
  return memory;
}

json per_host(const Kind& kind, const char* when, const Memory& before, int hosts) {
  const Memory after = memory_now();
  return {{"figure", "memory_kb_per_host"},
          {"isolation", kind.name},
          {"when", when},
          {"hosts", hosts},
          {"pss", (after.pss_kb - before.pss_kb) / hosts},
          {"rss", (after.rss_kb - before.rss_kb) / hosts},
          {"executor_and_hosts_pss", after.pss_kb}};
}

awaitable<void> run_once(ActionHost& host, const Kind& kind, Listener& listener) {
  RunMessage run = message(kind.stay.action);
  co_await host.run(std::move(run), listener);
}

awaitable<void> measure_memory(asio::io_context& loop, std::string programs, const Kind& kind,
                               int count, Row& row) {
  HostPool pool(loop, host_command(programs), pool_limits(kind));
  // What the first one brings for all of them (the plugin's code) is not the price of a host.
  HostWish first = kind.stay;
  std::shared_ptr<ActionHost> extra = co_await pool.borrow(std::move(first));
  const Memory before = memory_now();
  std::vector<std::shared_ptr<ActionHost>> hosts;
  for (int i = 0; i < count; ++i) {
    HostWish wish = kind.stay;
    hosts.push_back(co_await pool.borrow(std::move(wish)));
  }
  row.idle = per_host(kind, "idle", before, count);
  Listener listener;
  runtime::TaskGroup runs(loop.get_executor());
  for (auto& host : hosts) runs.spawn(run_once(*host, kind, listener));
  runtime::Event settled;
  co_await settled.wait_for(std::chrono::milliseconds(500));
  row.busy = per_host(kind, "running", before, count);
  for (auto& host : hosts) host->ask_to_stop();
  co_await runs.join();
  pool.give_back(std::move(extra));
  for (auto& host : hosts) pool.give_back(std::move(host));
  co_await pool.close();
}

// ---- all of it

std::vector<Kind> kinds(const std::string& folder, const std::string& programs_folder) {
  const std::string plugin = folder + "/isolation_actions.so";
  const HostWish thread{plugin, "bench_nothing", Isolation::Shared};
  const HostWish process{plugin, "bench_nothing", Isolation::Process};
  Kind shared{"shared", thread, {plugin, "bench_stay", Isolation::Shared}};
  Kind warm{"process, warm", process, {plugin, "bench_stay", Isolation::Process}};
  Kind cold{"process, cold", process, {}, true, true};
  const HostWish program{programs_folder + "/nothing.action.yaml", "bench_nothing_program",
                         Isolation::Process};
  const HostWish staying{programs_folder + "/stay.action.yaml", "bench_stay_program",
                         Isolation::Process};
  Kind executable{"executable", program, staying, false, true};
  return {shared, warm, cold, executable};
}

void write_program(const std::filesystem::path& folder, const std::string& name,
                   const std::string& script) {
  std::ofstream(folder / (name + ".action.yaml"))
      << "name: bench_" << name << "_program\ndescription: for measuring\ncommand: [sh, " << name
      << ".sh]\n";
  std::ofstream(folder / (name + ".sh"))
      << script << "echo '{\"type\": \"result\", \"return-code\": 0}'\n";
}

awaitable<Row> measure_kind(asio::io_context& loop, std::string programs, const Kind& kind,
                            Plan plan) {
  Row row;
  row.kind = kind.name;
  if (!kind.stay.plugin_file.empty()) {
    co_await measure_memory(loop, programs, kind, plan.hosts, row);
    print(row.idle);
    print(row.busy);
  }
  const int jobs = kind.slow ? std::max(2, plan.jobs / 50) : plan.jobs;
  constexpr int lanes = 8;
  row.one = co_await measure_jobs(loop, programs, kind, 1, jobs);
  print(row.one);
  row.eight = co_await measure_jobs(loop, programs, kind, lanes, jobs);
  print(row.eight);
  co_return row;
}

void print_table(const std::vector<Row>& rows) {
  std::printf("\n%-15s %10s %10s %10s %12s %14s %14s\n", "isolation", "p50 ms", "p99 ms", "jobs/s",
              "jobs/s of 8", "idle PSS KB", "running PSS KB");
  for (const Row& row : rows) {
    const auto kb = [](const json& memory) {
      return memory.is_null() ? std::string("-")
                              : std::to_string(static_cast<long>(memory["pss"].get<double>()));
    };
    std::printf("%-15s %10.3f %10.3f %10.0f %12.0f %14s %14s\n", row.kind.c_str(),
                row.one["p50_ms"].get<double>(), row.one["p99_ms"].get<double>(),
                row.one["jobs_per_second"].get<double>(),
                row.eight["jobs_per_second"].get<double>(), kb(row.idle).c_str(),
                kb(row.busy).c_str());
  }
}

awaitable<void> measure(asio::io_context& loop, std::string build, Plan plan) {
  const tests::TemporaryDirectory folder;
  write_program(folder.path(), "nothing", "read job\n");
  write_program(folder.path(), "stay", "read job\nread stop\n");
  std::vector<Row> rows;
  for (const Kind& kind : kinds(build + "/tests", folder.path().string())) {
    try {
      rows.push_back(co_await measure_kind(loop, build + "/bin", kind, plan));
    } catch (const runtime::Failure& failure) {
      print({{"figure", "job"}, {"isolation", kind.name}, {"not_measured", failure.what()}});
    }
  }
  print_table(rows);
}

Plan read_plan(int argc, char** argv) {
  Plan plan;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--quick") {
      plan.jobs = 100;
      plan.hosts = 2;
    } else if (argument == "--jobs" && i + 1 < argc) {
      plan.jobs = std::atoi(argv[++i]);
    } else {
      throw std::invalid_argument("usage: isolation_bench [--jobs N] [--quick]");
    }
  }
  return plan;
}

}  // namespace
}  // namespace jobengine::bench

int main(int argc, char** argv) {
  try {
    const auto plan = jobengine::bench::read_plan(argc, argv);
    const auto self = std::filesystem::canonical("/proc/self/exe");
    jobengine::runtime::EventLoop loop;
    loop.run(
        jobengine::bench::measure(loop.context(), self.parent_path().parent_path().string(), plan));
    return 0;
  } catch (const std::exception& failure) {
    std::cerr << "isolation_bench: " << failure.what() << "\n";
    return 1;
  }
}
