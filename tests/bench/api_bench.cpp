// Figures of job-api on this machine, one JSON object a line; asserts nothing.
//   api_bench [--jobs N] [--seconds S] [--quick]
//   --jobs     jobs stored for the second half of the figures (default 1000000; 0: only the first)
//   --seconds  length of each measurement (default 3)
//   --quick    a few hundred jobs, a tenth of a second each: shows that the program works
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "api/cimi/job_document.hpp"
#include "api/store/store.hpp"
#include "tests/bench/ceiling_server.hpp"
#include "tests/bench/load.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/awaited.hpp"

namespace jobengine::bench {
namespace {

using nlohmann::json;

struct Plan {
  std::size_t few = 10000;  // jobs stored for the first half
  std::size_t many = 1000000;
  runtime::Duration length = std::chrono::seconds(3);
  std::size_t editable = 1000;  // of each half: jobs that are RUNNING
  std::size_t most_queries = 300;
};

void print(const json& figure) {
  std::cout << figure.dump() << std::endl;
}

std::string job_id(std::size_t number) {
  char text[48];
  std::snprintf(text, sizeof text, "job/01920000-0000-7000-8000-%012zx", number);
  return text;
}

// About 1 KB, as the engine's jobs are. The first `editable` are RUNNING, the next as many QUEUED.
json job(std::size_t number, const Plan& plan) {
  const auto who = api::access::make_identity("user/01920000-0000-7000-8000-000000000001", {},
                                              {"group/nuvla-user"}, {});
  const api::cimi::WallTime made{std::chrono::milliseconds(1'700'000'000'000) +
                                 std::chrono::milliseconds(number)};
  const std::string target = "deployment/01920000-0000-7000-8000-" + std::to_string(number % 9973);
  const json payload = {{"image", "registry.example.com/some/image:1.2.3"},
                        {"command", {"/usr/bin/run", "--with", "arguments"}},
                        {"environment", {{"A_VARIABLE", "its value"}, {"ANOTHER", "one more"}}}};
  json body = {{"action", "action_" + std::to_string(number % 17)},
               {"target-resource", {{"href", target}}},
               {"priority", 50 + number % 3},
               {"payload", payload.dump()},
               {"status-message", "something that takes a line to say, as most of them are"}};
  if (number % 4 == 0) body["parent-job"] = job_id(number / 200 * 200);
  auto document = api::cimi::new_job(body, job_id(number), who, made);
  document["tags"] = {"/job/entries/entry-050-" + std::to_string(1'000'000'000 + number)};
  if (number < plan.editable) {
    document["state"] = "RUNNING";
    document["started"] = document["created"];
  } else if (number >= 2 * plan.editable) {
    document["state"] = number % 20 == 0 ? "FAILED" : "SUCCESS";
    document["progress"] = 100;
    document["started"] = document["created"];
    document["duration"] = 3;
    document["return-code"] = number % 20 == 0 ? 1 : 0;
  }
  return document;
}

// In transactions of a thousand, through the store itself.
void fill(const std::string& database, std::size_t count, const Plan& plan) {
  const auto begun = runtime::Clock::now();
  const auto store = api::store::open_sqlite_store(database);
  for (std::size_t next = 0; next < count;) {
    std::vector<api::store::Change> changes;
    for (; next < count && changes.size() < 1000; ++next) {
      api::store::Decision put;
      put.kind = api::store::Decision::Kind::Put;
      put.document = job(next, plan);
      changes.push_back({job_id(next), [put](const api::store::StoredDocument*) { return put; }});
    }
    tests::awaited(store->change(std::move(changes)));
  }
  const std::chrono::duration<double> took = runtime::Clock::now() - begun;
  const auto bytes = std::filesystem::file_size(database);
  print({{"figure", "stored"},
         {"jobs", count},
         {"seconds", took.count()},
         {"megabytes", bytes / 1'000'000}});
}

struct Server {
  std::string name;
  std::uint16_t port = 0;
  int pid = 0;
};

struct Operation {
  std::string name;
  std::function<std::string(std::size_t)> request;
};

// CPU of the server per request, in microseconds.
double measure(const Server& server, const Operation& operation, int connections,
               std::size_t stored, const Plan& plan) {
  Load load;
  load.port = server.port;
  load.connections = connections;
  load.length = plan.length;
  load.request = operation.request;
  const double before = cpu_seconds(server.pid);
  const auto result = run_load(load);
  const double spent = cpu_seconds(server.pid) - before;
  const double each = result.answered > 0 ? spent * 1e6 / static_cast<double>(result.answered) : 0;
  json figure = {{"figure", "requests"},           {"server", server.name},
                 {"operation", operation.name},    {"stored", stored},
                 {"connections", connections},     {"per_second", std::round(result.per_second())},
                 {"p50_ms", result.quantile(0.5)}, {"p99_ms", result.quantile(0.99)},
                 {"cpu_us_per_request", each},     {"refused", result.refused}};
  if (result.refused > 0) figure["refusal"] = result.first_refusal;
  print(figure);
  return each;
}

Operation get_operation(std::size_t stored) {
  return {"GET", [stored, random = std::mt19937(1)](std::size_t) mutable {
            return request_text("GET", "/api/" + job_id(random() % stored));
          }};
}
Operation edit_operation(const Plan& plan) {
  return {"PUT", [plan, random = std::mt19937(2)](std::size_t n) mutable {
            const json edit = {{"progress", n % 100},
                               {"status-message", "step " + std::to_string(n) + " of many"}};
            return request_text("PUT", "/api/" + job_id(random() % plan.editable), edit.dump());
          }};
}
Operation add_operation() {
  return {"POST", [](std::size_t n) {
            const json body = {
                {"action", "action_" + std::to_string(n % 17)},
                {"target-resource", {{"href", "deployment/" + std::to_string(n % 997)}}},
                {"payload", "{\"image\":\"registry.example.com/some/image:1.2.3\"}"}};
            return request_text("POST", "/api/job", body.dump());
          }};
}

// Each to an attempt of its own, so that the order in which they arrive does not matter.
Operation log_operation(const Plan& plan, std::size_t lines) {
  json all = json::array();
  for (std::size_t i = 0; i < lines; ++i) {
    all.push_back(
        {{"time", "2026-05-06T07:08:09.123Z"},
         {"stream", i % 10 == 0 ? "stderr" : "stdout"},
         {"text", "copied part " + std::to_string(i) + " of what there is to be copied"}});
  }
  const auto name = "POST logs, " + std::to_string(lines) + " lines";
  return {name, [plan, all, random = std::mt19937(3)](std::size_t n) mutable {
            const json body = {{"attempt", n + 1}, {"first", 0}, {"lines", all}};
            return request_text("POST", "/api/" + job_id(random() % plan.editable) + "/logs",
                                body.dump());
          }};
}

// A job is added, begun and ended, and with a log says ten lines: the requests of one after those
// of another.
Operation life_operation(const Plan& plan, bool logged) {
  std::vector<Operation> steps = {add_operation(), edit_operation(plan), edit_operation(plan)};
  if (logged) steps.push_back(log_operation(plan, 10));
  return {logged ? "life of a job, with a log" : "life of a job",
          [steps](std::size_t n) mutable { return steps[n % steps.size()].request(n); }};
}

void measure_logs(const Server& server, std::size_t stored, const Plan& plan) {
  for (const std::size_t lines : {1U, 10U, 100U}) {
    const auto operation = log_operation(plan, lines);
    for (const int connections : {1, 16, 64}) measure(server, operation, connections, stored, plan);
  }
  for (const int connections : {16, 64}) {
    const double without =
        measure(server, life_operation(plan, false), connections, stored, plan) * 3;
    const double with = measure(server, life_operation(plan, true), connections, stored, plan) * 4;
    if (without <= 0) continue;
    print({{"figure", "cpu_ratio"},
           {"operation", "a job with a log / without"},
           {"connections", connections},
           {"value", with / without}});
  }
}

// What the engine asks of its API, and what a page of an operator does.
void measure_queries(const Server& server, std::size_t stored, const Plan& plan) {
  const std::string parent = job_id(stored / 2 / 200 * 200);
  const std::vector<std::pair<std::string, std::string>> queries = {
      {"by state", "filter=state='RUNNING'&last=100&select=id,state"},
      {"by state, oldest first", "filter=state='QUEUED'&orderby=created:asc&last=100"},
      {"by parent", "filter=parent-job='" + parent + "'&last=100&select=id,state"},
      {"by action and target",
       "filter=action='action_7'%20and%20target-resource/href='deployment/"
       "01920000-0000-7000-8000-77'%20and%20state=['QUEUED','RUNNING']"},
      {"newest", "orderby=created:desc&last=20"},
      {"count of ended, with date",
       "filter=state=['SUCCESS','FAILED']%20and%20created<'2023-11-14T22:20:00Z'&last=0"},
      {"count of failed", "filter=state='FAILED'&last=0"},
      {"count of all", "last=0"},
      {"numbers by state", "aggregation=terms:state&last=0"},
  };
  for (const auto& [name, query] : queries) {
    Load load;
    load.port = server.port;
    load.length = plan.length;
    load.most_requests = plan.most_queries;
    const auto text = request_text("GET", "/api/job?" + query);
    load.request = [&text](std::size_t) { return text; };
    const auto result = run_load(load);
    const auto answer = json::parse(result.last_body, nullptr, false);
    json figure = {{"figure", "query"},
                   {"query", name},
                   {"stored", stored},
                   {"samples", result.answered},
                   {"matches", answer.is_object() ? answer.value("count", json()) : json()},
                   {"p50_ms", result.quantile(0.5)},
                   {"p99_ms", result.quantile(0.99)}};
    if (result.refused > 0) figure["refusal"] = result.first_refusal;
    print(figure);
  }
}

using Costs = std::map<std::pair<std::string, int>, double>;
constexpr int connection_counts[] = {1, 16, 64};

Costs measure_operations(const Server& server, const std::vector<Operation>& operations,
                         std::size_t stored, const Plan& plan) {
  Costs costs;
  for (const auto& operation : operations) {
    for (const int connections : connection_counts) {
      costs[{operation.name, connections}] = measure(server, operation, connections, stored, plan);
    }
  }
  return costs;
}

Costs measure_api(const std::string& database, std::size_t stored, const Plan& plan) {
  tests::ApiServerOptions options;
  options.database = database;
  options.arguments = {"--trust-authn-header", "--threads", "1"};
  tests::ApiServer api(options);
  const Server server{"job-api", api.port(), api.pid()};
  print({{"figure", "resident_kb"},
         {"stored", stored},
         {"when", "started"},
         {"value", resident_kb(server.pid)}});
  auto costs =
      measure_operations(server, {get_operation(stored), edit_operation(plan)}, stored, plan);
  measure_queries(server, stored, plan);
  measure_operations(server, {add_operation()}, stored, plan);
  measure_logs(server, stored, plan);
  print({{"figure", "resident_kb"},
         {"stored", stored},
         {"when", "after all"},
         {"value", resident_kb(server.pid)}});
  return costs;
}

void print_ratios(const Costs& ours, const Costs& ceiling) {
  for (const auto& [which, cost] : ceiling) {
    if (cost <= 0) continue;
    print({{"figure", "cpu_ratio"},
           {"operation", which.first},
           {"connections", which.second},
           {"job-api / ceiling", ours.at(which) / cost}});
  }
}

void measure_all(const Plan& plan) {
  const tests::TemporaryDirectory folder;
  std::vector<json> documents;
  for (std::size_t i = 0; i < plan.few; ++i) documents.push_back(job(i, plan));
  Costs ceiling;
  {
    const CeilingServer server((folder.path() / "ceiling.sqlite").string(), documents);
    const Server measured{"ceiling", server.port(), server.pid()};
    ceiling = measure_operations(measured, {get_operation(plan.few), edit_operation(plan)},
                                 plan.few, plan);
  }
  documents.clear();
  const auto few = (folder.path() / "few.sqlite").string();
  fill(few, plan.few, plan);
  print_ratios(measure_api(few, plan.few, plan), ceiling);
  if (plan.many == 0) return;
  const auto many = (folder.path() / "many.sqlite").string();
  fill(many, plan.many, plan);
  measure_api(many, plan.many, plan);
}

Plan read_plan(int argc, char** argv) {
  Plan plan;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--quick") {
      plan.few = 200;
      plan.many = 400;
      plan.editable = 50;
      plan.length = std::chrono::milliseconds(100);
      plan.most_queries = 5;
    } else if (argument == "--jobs" && i + 1 < argc) {
      plan.many = std::strtoul(argv[++i], nullptr, 10);
    } else if (argument == "--seconds" && i + 1 < argc) {
      plan.length = std::chrono::seconds(std::atoi(argv[++i]));
    } else {
      throw std::invalid_argument("usage: api_bench [--jobs N] [--seconds S] [--quick]");
    }
  }
  return plan;
}

}  // namespace
}  // namespace jobengine::bench

int main(int argc, char** argv) {
  try {
    const auto plan = jobengine::bench::read_plan(argc, argv);
    // Where job-api is: in the bin folder of the same build.
    const auto self = std::filesystem::canonical("/proc/self/exe");
    ::setenv("JE_BUILD_DIRECTORY", self.parent_path().parent_path().c_str(), 1);
    jobengine::bench::measure_all(plan);
    return 0;
  } catch (const std::exception& failure) {
    std::cerr << "api_bench: " << failure.what() << "\n";
    return 1;
  }
}
