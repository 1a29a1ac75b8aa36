#include "ctl/commands/submit_many.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "common/cimi/search.hpp"
#include "common/job/job_state.hpp"
#include "common/program/program.hpp"
#include "common/runtime/backoff.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/stop_signal.hpp"
#include "ctl/api_access.hpp"
#include "ctl/job_file.hpp"
#include "ctl/job_ids.hpp"

namespace jobengine::ctl {
namespace {

using nlohmann::json;
using runtime::Failure;

// As much as the API writes without holding up others for long.
constexpr std::size_t most_jobs = 500;
constexpr std::size_t most_bytes = 1024UL * 1024;
constexpr auto patience = std::chrono::minutes(1);

using Source = std::function<std::optional<JobOfFile>()>;

// What goes into one request.
struct Chunk {
  json jobs = json::array();
  std::vector<std::size_t> lines;
  std::string own_id;  // of one of them that was given its id here; "": none was
};

// A line that is written over and over, on a terminal only.
class Counter {
 public:
  void show(const std::string& text) {
    if (!terminal_) return;
    std::fprintf(stderr, "\r%s\x1b[K", text.c_str());
    shown_ = true;
  }
  void clear() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) != 0;
  bool shown_ = false;
};

std::string jobs_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " job" : " jobs");
}

// Submits chunk by chunk, and knows what has been submitted when that fails.
class Submission {
 public:
  Submission(cimi::Client& client, Source source, std::string origin)
      : client_(client), source_(std::move(source)), origin_(std::move(origin)) {}

  // Told of the ids of each chunk.
  awaitable<void> run(std::function<void(const std::vector<std::string>&)> submitted);
  const std::vector<std::string>& ids() const { return ids_; }
  void clear() { counter_.clear(); }

 private:
  Chunk next_chunk();
  awaitable<std::vector<std::string>> send(Chunk chunk);
  awaitable<bool> is_stored(std::string id);
  std::vector<std::string> ids_of(const cimi::Reply& reply, const Chunk& chunk);
  [[noreturn]] void refused(cimi::Reply reply, const Chunk& chunk) const;

  cimi::Client& client_;
  Source source_;
  const std::string origin_;  // the file's name; "": no file
  JobIds makes_ids_;
  Counter counter_;
  std::vector<std::string> ids_;
  std::optional<JobOfFile> held_;  // did not fit into the chunk before
  bool ids_count_ = false;         // the API has taken ours
};

Chunk Submission::next_chunk() {
  Chunk chunk;
  std::size_t bytes = 0;
  while (chunk.lines.size() < most_jobs) {
    auto job = held_ ? std::exchange(held_, std::nullopt) : source_();
    if (!job) break;
    bytes += job->bytes;
    if (!chunk.lines.empty() && bytes > most_bytes) {
      held_ = std::move(job);
      break;
    }
    if (!job->document.contains("id")) {
      job->document["id"] = makes_ids_.next();
      if (chunk.own_id.empty()) chunk.own_id = job->document["id"];
    }
    chunk.jobs.push_back(std::move(job->document));
    chunk.lines.push_back(job->line);
  }
  return chunk;
}

awaitable<void> Submission::run(std::function<void(const std::vector<std::string>&)> submitted) {
  for (auto chunk = next_chunk(); !chunk.lines.empty(); chunk = next_chunk()) {
    const auto ids = co_await send(std::move(chunk));
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    submitted(ids);
    counter_.show(jobs_text(ids_.size()) + " submitted");
  }
}

// Whether a chunk whose answer was lost is there: then all of it is.
awaitable<bool> Submission::is_stored(std::string id) {
  runtime::Backoff pace{runtime::BackoffLimits{}};
  runtime::Event never;
  const auto deadline = runtime::Clock::now() + patience;
  while (true) {
    auto reply = co_await client_.get(id);
    const bool away =
        reply.kind == cimi::ReplyKind::Unreachable || reply.kind == cimi::ReplyKind::Unavailable;
    if (reply.ok()) co_return true;
    if (reply.kind == cimi::ReplyKind::NotFound) co_return false;
    if (!away) throw Failure(reply.message);
    if (runtime::Clock::now() >= deadline) throw Failure(reply.message);
    co_await runtime::pause(pace.next(), never);
  }
}

std::vector<std::string> Submission::ids_of(const cimi::Reply& reply, const Chunk& chunk) {
  std::vector<std::string> ids;
  bool ours = true;
  for (const auto& one : reply.document) {
    if (one.is_object()) ids.push_back(attribute(one, "resource-id"));
    ours = ours && ids.size() <= chunk.jobs.size() && !ids.empty() &&
           chunk.jobs[ids.size() - 1]["id"] == ids.back();
  }
  if (ids.size() != chunk.jobs.size()) {
    throw Failure("the API did not answer with an id for each job: " +
                  reply.document.dump().substr(0, 300));
  }
  ids_count_ = ours;
  return ids;
}

void Submission::refused(cimi::Reply reply, const Chunk& chunk) const {
  const auto element = reply.document.find("element");
  const bool known = element != reply.document.end() && element->is_number_unsigned() &&
                     element->get<std::size_t>() < chunk.lines.size();
  if (known && !origin_.empty()) {
    const auto line = chunk.lines[element->get<std::size_t>()];
    throw Failure(origin_ + " line " + std::to_string(line) + ": " + reply.message);
  }
  const auto taken = reply.document.find("resource-id");
  const bool conflict = taken != reply.document.end() && !origin_.empty();
  for (std::size_t i = 0; conflict && i < chunk.jobs.size(); ++i) {
    if (chunk.jobs[i]["id"] != *taken) continue;
    throw Failure(origin_ + " line " + std::to_string(chunk.lines[i]) + ": " + reply.message);
  }
  expect_ok(std::move(reply));
  throw Failure("refused");
}

awaitable<std::vector<std::string>> Submission::send(Chunk chunk) {
  std::vector<std::string> chosen;
  for (const auto& job : chunk.jobs) chosen.push_back(job["id"]);
  runtime::Backoff pace{runtime::BackoffLimits{}};
  runtime::Event never;
  const auto deadline = runtime::Clock::now() + patience;
  bool lost = false;  // an answer, so that it may be stored
  while (true) {
    auto reply = co_await client_.add("job", chunk.jobs);
    if (reply.ok()) co_return ids_of(reply, chunk);
    // These say that nothing was done; any other 5xx may be that of a proxy that lost the answer.
    const bool not_done = reply.status == 429 || reply.status == 503 || reply.status == 507;
    const bool no_answer = reply.kind == cimi::ReplyKind::Unreachable ||
                           (reply.kind == cimi::ReplyKind::Unavailable && !not_done);
    lost = lost || no_answer;
    const bool later = no_answer || reply.kind == cimi::ReplyKind::Unavailable;
    const bool doubtful = no_answer || (lost && reply.kind == cimi::ReplyKind::Conflict);
    if (!later && !doubtful) refused(std::move(reply), chunk);
    if (doubtful) {
      std::string why = reply.message;
      bool looked = false;
      bool stored = false;
      try {
        if (!chunk.own_id.empty()) {
          stored = co_await is_stored(chunk.own_id);
          looked = true;
        }
      } catch (const Failure& failure) {
        why = failure.what();
      }
      if (stored) co_return chosen;
      if (!looked || !ids_count_) {
        throw Failure(why + "\nWhether the API has stored these " + jobs_text(chunk.lines.size()) +
                      " is not known; they are not sent again.");
      }
    }
    if (runtime::Clock::now() >= deadline) throw Failure(reply.message);
    co_await runtime::pause(pace.next(), never);
  }
}

// How the jobs ended.
struct Ends {
  std::map<std::string, std::size_t> counts;  // by state; "GONE" for those that are not there
  std::vector<std::string> states;            // of each, as far as it was waited for
};

// By far the most jobs end in the order in which they were made: those at the front are looked at.
class Waiting {
 public:
  Waiting(cimi::Client& client, const std::vector<std::string>& ids, runtime::Event& stop)
      : client_(client), ids_(ids), stop_(stop) {}
  awaitable<Ends> run();

 private:
  awaitable<std::map<std::string, std::string>> states_of(std::vector<std::string> ids);
  awaitable<void> wait_for(std::size_t first, std::size_t last);

  cimi::Client& client_;
  const std::vector<std::string>& ids_;
  runtime::Event& stop_;
  runtime::TimePoint last_answer_ = runtime::Clock::now();
  Counter counter_;
  Ends ends_;
};

// Of those that are there; nothing when the API is away, which is put up with for a while.
awaitable<std::map<std::string, std::string>> Waiting::states_of(std::vector<std::string> ids) {
  cimi::Search search;
  search.filter = "id=" + cimi::quoted_list(ids);
  search.select = {"id", "state"};
  search.last = static_cast<int>(ids.size());
  auto reply = co_await client_.search("job", std::move(search));
  std::map<std::string, std::string> states;
  const bool away =
      reply.kind == cimi::ReplyKind::Unreachable || reply.kind == cimi::ReplyKind::Unavailable;
  if (away && runtime::Clock::now() < last_answer_ + patience) {
    for (const auto& id : ids) states[id] = "";
    co_return states;
  }
  const auto document = expect_ok(std::move(reply)).document;
  last_answer_ = runtime::Clock::now();
  for (const auto& row : document.at("resources")) {
    states[attribute(row, "id")] = attribute(row, "state");
  }
  co_return states;
}

awaitable<void> Waiting::wait_for(std::size_t first, std::size_t last) {
  runtime::BackoffLimits looks;
  looks.first = std::chrono::milliseconds(50);
  looks.longest = std::chrono::seconds(1);
  looks.factor = 1.3;
  looks.jitter = 0;
  runtime::Backoff pace(looks);
  while (!stop_.raised()) {
    std::vector<std::string> open;
    for (auto i = first; i < last; ++i) {
      if (ends_.states[i].empty()) open.push_back(ids_[i]);
    }
    if (open.empty()) co_return;
    const auto states = co_await states_of(std::move(open));
    for (auto i = first; i < last; ++i) {
      if (!ends_.states[i].empty()) continue;
      const auto found = states.find(ids_[i]);
      const std::string state = found == states.end() ? "GONE" : found->second;
      const auto known = job::parse_job_state(state);
      if (state != "GONE" && !(known && job::is_final(*known))) continue;
      ends_.states[i] = state;
      ++ends_.counts[state];
    }
    std::size_t ended = 0;
    for (const auto& [state, count] : ends_.counts) ended += count;
    counter_.show(std::to_string(ended) + " of " + jobs_text(ids_.size()) + " ended");
    if (ended == ids_.size()) co_return;
    co_await runtime::pause(pace.next(), stop_);
  }
}

awaitable<Ends> Waiting::run() {
  ends_.states.resize(ids_.size());
  for (std::size_t first = 0; first < ids_.size(); first += most_jobs) {
    const auto last = std::min(first + most_jobs, ids_.size());
    co_await wait_for(first, last);
  }
  counter_.clear();
  co_return ends_;
}

int exit_code_of(const Ends& ends) {
  const auto any = [&](const char* state) { return ends.counts.contains(state); };
  if (any("GONE")) return program::exit_failure;
  if (any("FAILED")) return exit_job_failed;
  return any("CANCELED") ? exit_job_canceled : program::exit_ok;
}

void print_ends(const Ends& ends, const std::vector<std::string>& ids, Output output) {
  if (output == Output::Json) {
    auto jobs = json::array();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      jobs.push_back({{"id", ids[i]}, {"state", ends.states[i]}});
    }
    std::printf("%s\n", jobs.dump(2).c_str());
    return;
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto& state = ends.states[i];
    if (state != "SUCCESS" && !state.empty()) std::printf("%s %s\n", ids[i].c_str(), state.c_str());
  }
  std::string text = jobs_text(ids.size());
  const char* separator = ": ";
  for (const auto& [state, count] : ends.counts) {
    text += separator + std::to_string(count) + " " + state;
    separator = ", ";
  }
  std::printf("%s\n", text.c_str());
}

Source equal_jobs(const SubmitCommand& command) {
  JobOfFile job;
  job.document = document_of(command);
  job.bytes = job.document.dump().size();
  return [job, left = *command.count]() mutable -> std::optional<JobOfFile> {
    if (left == 0) return std::nullopt;
    --left;
    return job;
  };
}

Source jobs_of_file(const std::string& name) {
  if (name == "-") {
    const auto jobs = std::make_shared<JobFile>(std::cin, "standard input");
    return [jobs] { return jobs->next(); };
  }
  errno = 0;
  const auto file = std::make_shared<std::ifstream>(name, std::ios::binary);
  if (!*file) throw Failure("cannot read " + name + ": " + std::strerror(errno));
  if (file->peek() == std::char_traits<char>::eof() && !file->eof()) {
    throw Failure("cannot read " + name + ": it is no file");
  }
  file->clear();
  const auto jobs = std::make_shared<JobFile>(*file, name);
  return [file, jobs] { return jobs->next(); };
}

// The ids on stdout: as they come, or all at the end, or not at all when the jobs are waited for.
class IdList {
 public:
  IdList(Output output, bool silent) : output_(output), silent_(silent) {}
  void add(const std::vector<std::string>& ids) {
    if (silent_) return;
    for (const auto& id : ids) {
      if (output_ == Output::Json) {
        std::printf("%s\n  \"%s\"", first_ ? "[" : ",", id.c_str());
      } else {
        std::printf("%s\n", id.c_str());
      }
      first_ = false;
    }
    std::fflush(stdout);
  }
  void end() {
    if (!silent_ && output_ == Output::Json) std::printf("%s\n", first_ ? "[]" : "\n]");
  }

 private:
  const Output output_;
  const bool silent_;
  bool first_ = true;
};

}  // namespace

// Reading the file may wait for whoever writes it: nothing else runs on the loop meanwhile, and
// Ctrl-C ends the program as it ends any other.
awaitable<int> submit_many(asio::io_context& loop, const SubmitCommand& command,
                           const Context& context) {
  auto source = command.count ? equal_jobs(command) : jobs_of_file(command.from_file);
  const std::string origin = command.from_file == "-" ? "standard input" : command.from_file;
  auto client = co_await open_api(loop, context);
  Submission submission(*client, std::move(source), origin);
  IdList list(context.output, command.wait);
  std::string trouble;
  try {
    co_await submission.run([&list](const std::vector<std::string>& ids) { list.add(ids); });
  } catch (const std::exception& failure) {
    trouble = failure.what();
  }
  submission.clear();
  list.end();
  const auto& ids = submission.ids();
  if (!trouble.empty()) {
    if (command.wait) {
      IdList made(context.output, /*silent=*/false);
      made.add(ids);
      made.end();
    }
    throw Failure(trouble + "\n" + jobs_text(ids.size()) + " submitted before that.");
  }
  if (!command.wait) co_return program::exit_ok;
  runtime::StopSignal stop(loop);
  Waiting waiting(*client, ids, stop.requested());
  const auto ends = co_await waiting.run();
  print_ends(ends, ids, context.output);
  if (stop.requested().raised()) {
    std::fprintf(stderr, "Not waited for any longer; what has not ended goes on.\n");
    co_return exit_interrupted;
  }
  co_return exit_code_of(ends);
}

}  // namespace jobengine::ctl
