// jobctl demo: a real piece of work through the whole system: the SHA-256 of every source file
// below a folder, one run_command job each. What is shown comes back from the jobs.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>

#include "common/job/job.hpp"
#include "common/program/program.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/stop_signal.hpp"
#include "common/runtime/task_group.hpp"
#include "ctl/api_access.hpp"
#include "ctl/commands.hpp"
#include "ctl/progress.hpp"
#include "ctl/source_files.hpp"
#include "ctl/table.hpp"
#include "ctl/times.hpp"

namespace jobengine::ctl {

namespace {

constexpr int page_limit = 10000;  // what the API answers at most

struct Batch {
  std::string name;  // all jobs of this run bear it
  std::filesystem::path folder;
  std::vector<std::string> files;              // relative to folder
  std::map<std::string, std::string> file_of;  // job id → file
  std::size_t next = 0;
};

std::string random_name() {
  std::random_device random;
  char text[32];
  std::snprintf(text, sizeof text, "demo-%08x", static_cast<unsigned>(random()));
  return text;
}

// Submits one after the other until none is left; several run side by side.
awaitable<void> submit_files(cimi::Client& client, Batch& batch, runtime::Event& stop) {
  while (batch.next < batch.files.size() && !stop.raised()) {
    const std::string file = batch.files[batch.next++];
    const nlohmann::json payload = {{"argv", {"sha256sum", "--", file}},
                                    {"working-directory", batch.folder.string()}};
    nlohmann::json document = {
        {"action", "run_command"}, {"name", batch.name}, {"payload", payload.dump()}};
    auto added = co_await client.add("job", std::move(document));
    const cimi::Reply reply = expect_ok(std::move(added));
    batch.file_of[reply.location] = file;
  }
}

cimi::Search jobs_of(const Batch& batch, bool only_final) {
  cimi::Search search;
  search.filter = "name=" + cimi::quoted(batch.name);
  if (only_final) search.filter += " and state=['SUCCESS', 'FAILED', 'CANCELED']";
  search.last = 0;
  return search;
}

// Returns true when all are final, false when `stop` was raised first.
awaitable<bool> wait_for_all(cimi::Client& client, const Batch& batch, runtime::Event& stop) {
  Progress progress;
  const auto total = batch.file_of.size();
  while (!stop.raised()) {
    auto search = jobs_of(batch, true);
    auto found = co_await client.search("job", std::move(search));
    const cimi::Reply reply = expect_ok(std::move(found));
    const auto ended = reply.document.value("count", std::size_t{0});
    progress.show(static_cast<int>(ended * 100 / total),
                  std::to_string(ended) + " of " + std::to_string(total) + " jobs done");
    if (ended >= total) {
      progress.clear();
      co_return true;
    }
    co_await runtime::pause(std::chrono::milliseconds(100), stop);
  }
  co_return false;
}

awaitable<std::vector<nlohmann::json>> results_of(cimi::Client& client, const Batch& batch) {
  auto search = jobs_of(batch, false);
  search.last = page_limit;
  search.orderby = "created:asc";
  auto found = co_await client.search("job", std::move(search));
  const cimi::Reply reply = expect_ok(std::move(found));
  co_return reply.document.at("resources").get<std::vector<nlohmann::json>>();
}

// The line sha256sum prints for `file`, as the job's status message brought it back; "" if it is
// not there.
std::string digest_in(const std::string& message, const std::string& file) {
  constexpr std::size_t digits = 64;
  const auto at = message.find("  " + file);
  if (at == std::string::npos || at < digits) return "";
  const std::string digest = message.substr(at - digits, digits);
  const bool hex = digest.find_first_not_of("0123456789abcdef") == std::string::npos;
  return hex ? digest : "";
}

struct Result {
  std::string file;
  std::string digest;
  std::string state;
  std::string run_time;
  std::string job;
};

std::vector<Result> read_results(const std::vector<nlohmann::json>& jobs, const Batch& batch) {
  std::vector<Result> results;
  for (const auto& job : jobs) {
    const auto file = batch.file_of.find(attribute(job, "id"));
    if (file == batch.file_of.end()) continue;
    results.push_back({file->second, digest_in(attribute(job, "status-message"), file->second),
                       attribute(job, "state"), run_time(job), file->first});
  }
  std::sort(results.begin(), results.end(),
            [](const Result& a, const Result& b) { return a.file < b.file; });
  return results;
}

void print_json(const std::vector<Result>& results, std::chrono::milliseconds took) {
  nlohmann::json files = nlohmann::json::array();
  for (const Result& result : results) {
    files.push_back({{"file", result.file},
                     {"sha256", result.digest},
                     {"state", result.state},
                     {"job", result.job}});
  }
  const nlohmann::json all = {{"files", files}, {"milliseconds", took.count()}};
  std::printf("%s\n", all.dump(2).c_str());
}

void print_table(const std::vector<Result>& results, std::chrono::milliseconds took) {
  constexpr std::size_t shown = 20;
  Table table({"FILE", "SHA-256", "STATE", "RUN TIME"});
  for (const Result& result : results) {
    if (table.rows() == shown) break;
    constexpr std::size_t short_digest = 16;
    table.add({result.file, cut(result.digest, short_digest), result.state, result.run_time});
  }
  std::printf("\n%s", table.text().c_str());
  if (results.size() > shown) std::printf("… and %zu more\n", results.size() - shown);
  const double seconds = static_cast<double>(std::max<std::int64_t>(took.count(), 1)) / 1000.0;
  std::printf("\n%zu jobs in %.1f s: %.0f jobs/s, from the first submit to the last result\n",
              results.size(), seconds, static_cast<double>(results.size()) / seconds);
}

void print_what_next(const Batch& batch, const std::vector<Result>& results) {
  std::printf("\nLook at what happened, in another terminal:\n\n");
  // Set by `jobctl dev` for the command it runs.
  if (const char* directory = std::getenv("JOB_DEV_DIRECTORY")) {
    std::printf("  . %s/env\n", directory);
  }
  std::printf(
      "  jobctl list --filter \"name='%s'\" --last 10\n"
      "  jobctl show %s\n"
      "  jobctl submit run_command --payload '{\"argv\": [\"df\", \"-h\"]}' --wait\n"
      "  jobctl submit dummy_test_action --payload '{\"duration\": 5}' --wait\n"
      "  jobctl queue\n",
      batch.name.c_str(), results.empty() ? "JOB" : results.front().job.c_str());
  std::fflush(stdout);
}

Batch batch_of(const DemoCommand& command) {
  std::error_code error;
  Batch batch;
  batch.name = random_name();
  batch.folder = std::filesystem::canonical(command.directory, error);
  if (error) {
    throw runtime::Failure("cannot read " + command.directory + ": " + error.message());
  }
  batch.files = source_files(batch.folder);
  if (batch.files.empty()) {
    throw runtime::Failure("there are no source files below " + batch.folder.string());
  }
  if (batch.files.size() > page_limit) batch.files.resize(page_limit);
  return batch;
}

}  // namespace

awaitable<int> demo(asio::io_context& loop, const DemoCommand& command, const Context& context) {
  runtime::StopSignal stop(loop);
  Batch batch = batch_of(command);
  auto client = co_await open_api(loop, context);
  std::fprintf(stderr, "Submitting one job for each of the %zu source files of %s\n",
               batch.files.size(), batch.folder.c_str());
  const auto begin = runtime::Clock::now();
  runtime::TaskGroup submitters(loop.get_executor());
  constexpr int side_by_side = 8;
  for (int i = 0; i < side_by_side; ++i) {
    submitters.spawn(submit_files(*client, batch, stop.requested()));
  }
  co_await submitters.join();
  const bool all = co_await wait_for_all(*client, batch, stop.requested());
  if (!all) co_return exit_interrupted;
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(runtime::Clock::now() - begin);
  const auto jobs = co_await results_of(*client, batch);
  const auto results = read_results(jobs, batch);
  if (context.output == Output::Json) {
    print_json(results, took);
  } else {
    print_table(results, took);
    if (!command.no_hints) print_what_next(batch, results);
  }
  const bool complete = results.size() == batch.files.size() &&
                        std::all_of(results.begin(), results.end(), [](const Result& result) {
                          return result.state == "SUCCESS" && !result.digest.empty();
                        });
  if (!complete) throw runtime::Failure("not every job brought a digest back");
  co_return program::exit_ok;
}

}  // namespace jobengine::ctl
