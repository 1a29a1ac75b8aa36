#include "tests/bench/engine_under_load.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "ctl/development/free_port.hpp"

namespace jobengine::bench {

namespace {

constexpr const char* password = "measured-with-care";

long resident_kb(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") {
      long value = 0;
      status >> value;
      return value;
    }
  }
  return 0;
}

std::string command_name(pid_t pid) {
  std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(comm, name);
  return name;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

}  // namespace

EngineUnderLoad::EngineUnderLoad(asio::io_context& loop, std::string programs)
    : loop_(loop), programs_(std::move(programs)) {}

EngineUnderLoad::~EngineUnderLoad() = default;

runtime::ChildProcess EngineUnderLoad::spawn(std::vector<std::string> argv,
                                             const std::string& log_name) {
  const std::string log = (directory_.path() / log_name).string();
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (out < 0) throw runtime::Failure("cannot write " + log);
  runtime::SpawnRequest request;
  request.argv = std::move(argv);
  request.argv.front() = programs_ + "/" + request.argv.front();
  const char* path = std::getenv("PATH");
  request.environment = {std::string("PATH=") + (path == nullptr ? "/usr/bin:/bin" : path),
                         std::string("JOB_API_ADMIN_PASSWORD=") + password,
                         std::string("JOB_API_PASS=") + password};
  request.descriptors = {{out, 1}, {out, 2}};
  request.new_session = true;
  request.parent_death_signal = SIGKILL;
  auto process = runtime::ChildProcess::spawn(loop_, request);
  ::close(out);
  return process;
}

awaitable<void> EngineUnderLoad::start() {
  development::ZooKeeperOptions zookeeper;
  zookeeper.directory = (directory_.path() / "zookeeper").string();
  auto started = co_await development::ZooKeeperProcess::start(std::move(zookeeper));
  zookeeper_.emplace(std::move(started));
  const std::string address = "127.0.0.1:" + std::to_string(development::free_port());
  url_ = "http://" + address;
  const std::string database = (directory_.path() / "jobs.sqlite").string();
  api_.emplace(spawn({"job-api", "--listen", address, "--database", database, "--zk-hosts",
                      zookeeper_->hosts(), "--log-level", "WARNING"},
                     "job-api.log"));
  cimi::ClientOptions options;
  options.url = url_;
  options.user = "admin";
  options.password = password;
  client_ = cimi::make_http_client(loop_, options);
  const auto deadline = runtime::Clock::now() + std::chrono::minutes(1);
  while (true) {
    const cimi::Reply reply = co_await client_->get("cloud-entry-point");
    if (reply.ok()) break;
    if (api_->exited().raised() || runtime::Clock::now() > deadline) {
      throw runtime::Failure("job-api does not answer: " + reply.message);
    }
    co_await api_->exited().wait_for(std::chrono::milliseconds(20));
  }
}

void EngineUnderLoad::start_executor(int slots, bool in_threads) {
  std::vector<std::string> argv = {
      "job-executor", "--zk-hosts", zookeeper_->hosts(),   "--api-url",   url_,     "--api-user",
      "admin",        "--slots",    std::to_string(slots), "--log-level", "WARNING"};
  if (in_threads) argv.insert(argv.end(), {"--shared-actions", "all"});
  executor_.emplace(spawn(std::move(argv), "job-executor.log"));
}

awaitable<void> EngineUnderLoad::stop_executor() {
  co_await executor_->stop(std::chrono::seconds(30));
  executor_.reset();
}

void EngineUnderLoad::start_distributor() {
  distributor_.emplace(spawn({"job-distributor", "--zk-hosts", zookeeper_->hosts(), "--api-url",
                              url_, "--api-user", "admin", "--log-level", "WARNING"},
                             "job-distributor.log"));
}

awaitable<void> EngineUnderLoad::submit_some(int count, std::string run) {
  for (int i = 0; i < count; ++i) {
    nlohmann::json job = {{"action", "dummy_test_action"},
                          {"payload", R"({"duration": 0})"},
                          {"target-resource", {{"href", "bench/" + run}}}};
    const cimi::Reply reply = co_await client_->add("job", std::move(job));
    if (!reply.ok()) throw runtime::Failure("cannot submit: " + reply.message);
  }
}

awaitable<void> EngineUnderLoad::submit(int count, std::string run) {
  runtime::TaskGroup submitters(loop_.get_executor());
  constexpr int lanes = 32;
  for (int lane = 0; lane < lanes; ++lane) {
    submitters.spawn(submit_some(count / lanes + (lane < count % lanes ? 1 : 0), run));
  }
  co_await submitters.join();
}

awaitable<void> EngineUnderLoad::all_done(int count, std::string run) {
  runtime::Event never;
  while (true) {
    cimi::Search search;
    search.filter = "state='SUCCESS' and target-resource/href='bench/" + run + "'";
    search.last = 0;
    const cimi::Reply reply = co_await client_->search("job", std::move(search));
    if (reply.ok() && reply.document.at("count").get<int>() >= count) co_return;
    co_await never.wait_for(std::chrono::milliseconds(20));
  }
}

awaitable<std::vector<nlohmann::json>> EngineUnderLoad::jobs(std::string run) {
  cimi::Search search;
  search.filter = "target-resource/href='bench/" + run + "'";
  search.last = 10000;
  cimi::Reply reply = co_await client_->search("job", std::move(search));
  if (!reply.ok()) throw runtime::Failure("cannot read the jobs: " + reply.message);
  std::vector<nlohmann::json> jobs;
  for (auto& job : reply.document.at("resources")) jobs.push_back(std::move(job));
  co_return jobs;
}

std::vector<EngineUnderLoad::Memory> EngineUnderLoad::memory() const {
  std::vector<Memory> result;
  for (const auto* process : {&api_, &distributor_, &executor_}) {
    if (!*process) continue;
    const pid_t pid = (*process)->pid();
    result.push_back({command_name(pid), resident_kb(pid)});
    for (const pid_t child : children_of(pid)) {
      result.push_back({command_name(child), resident_kb(child)});
    }
  }
  return result;
}

}  // namespace jobengine::bench
