// New editions of actions while job-executor runs, with real ZooKeeper and real job-api.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/integration/executor/executor_process.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

fs::path edition(int number) {
  return build_directory() + "/tests/plugins/editions/edition_" + std::to_string(number) + ".so";
}

json with_payload(const fs::path& file) {
  return {{"payload", json(file.string()).dump()}};
}

struct Deployment {
  Deployment() {
    fs::create_directory(actions());
    fs::create_directory(temporary());
    fs::copy_file(edition(1), plugin());
  }
  fs::path actions() const { return directory.path() / "actions"; }
  fs::path temporary() const { return directory.path() / "tmp"; }
  fs::path plugin() const { return actions() / "e.so"; }
  void rename_over(const fs::path& from) const {
    fs::copy_file(from, directory.path() / "aside");
    fs::rename(directory.path() / "aside", plugin());
  }
  TemporaryDirectory directory;
};

void with_deployment(const std::function<awaitable<void>(asio::io_context&, Servers&, Observer&,
                                                         Deployment&)>& body) {
  Servers servers;
  Deployment deployment;
  run_on_loop(
      [&](asio::io_context& loop) -> awaitable<void> {
        Observer observer(loop, servers);
        co_await body(loop, servers, observer, deployment);
        co_await observer.close();
      },
      180s);
}

std::vector<std::string> arguments(const Servers& servers, const Deployment& deployment) {
  return servers.executor({"--slots", "4", "--actions-dir", deployment.actions().string()});
}

awaitable<bool> says(ExecutorProcess& executor, std::string text) {
  auto said = [&] { return executor.output().find(text) != std::string::npos; };
  co_return co_await eventually(std::move(said));
}

}  // namespace

TEST_CASE("job-executor: a running job ends with its edition, the next one has the new") {
  const bool in_place = GENERATE(false, true);
  with_deployment([in_place](asio::io_context& loop, Servers& servers, Observer& observer,
                             Deployment& deployment) -> awaitable<void> {
    ExecutorProcess executor(loop, arguments(servers, deployment));
    const fs::path go = deployment.directory.path() / "go";
    const std::string old = co_await observer.submit("edition_wait", with_payload(go));
    co_await observer.wait_until(old, "status-message", "waiting");
    if (in_place) {
      fs::copy_file(edition(2), deployment.plugin(), fs::copy_options::overwrite_existing);
    } else {
      deployment.rename_over(edition(2));
    }
    const bool taken_up = co_await says(executor, "a new edition is in service");
    CHECK(taken_up);
    const std::string next = co_await observer.submit("edition_tell");
    const json second = co_await observer.wait_until(next, "state", "SUCCESS");
    CHECK(second["status-message"] == "second edition");
    std::ofstream(go) << "go";
    const json first = co_await observer.wait_until(old, "state", "SUCCESS");
    CHECK(first["status-message"] == "first edition");
    // The host of the first edition is not used again.
    const std::string last = co_await observer.submit("edition_wait", with_payload(go));
    const json new_one = co_await observer.wait_until(last, "state", "SUCCESS");
    CHECK(new_one["status-message"] == "second edition");
    executor.signal(SIGTERM);
    CHECK(co_await executor.end() == 0);
  });
}

TEST_CASE("job-executor: a broken file changes nothing, a removed one withdraws its actions") {
  with_deployment([](asio::io_context& loop, Servers& servers, Observer& observer,
                     Deployment& deployment) -> awaitable<void> {
    ExecutorProcess executor(loop, arguments(servers, deployment));
    const std::string before = co_await observer.submit("edition_tell");
    co_await observer.wait_until(before, "state", "SUCCESS");
    std::ofstream(deployment.plugin(), std::ios::trunc) << "broken";
    const bool told = co_await says(executor, "its former edition stays in service");
    CHECK(told);
    const std::string next = co_await observer.submit("edition_tell");
    const json job = co_await observer.wait_until(next, "state", "SUCCESS");
    CHECK(job["status-message"] == "first edition");
    fs::remove(deployment.plugin());
    const bool withdrawn = co_await says(executor, "its actions are withdrawn");
    CHECK(withdrawn);
    const std::string late = co_await observer.submit("edition_tell");
    const json failed = co_await observer.wait_until(late, "state", "FAILED");
    CHECK(failed["status-message"] == "Not implemented action " + late + ": edition_tell");
    const std::string output = executor.output();
    const std::string warning = "its former edition stays in service";
    CHECK(output.find(warning) == output.rfind(warning));
  });
}

TEST_CASE("job-executor: SIGHUP looks again at what was refused") {
  with_deployment([](asio::io_context& loop, Servers& servers, Observer&,
                     Deployment& deployment) -> awaitable<void> {
    // Its program is found through a folder that nobody watches.
    const fs::path program = deployment.directory.path() / "elsewhere" / "main.sh";
    std::ofstream(deployment.actions() / "greet.action.yaml")
        << "name: greet\ndescription: greets\ncommand: [" << program.string() << "]\n";
    ExecutorProcess executor(loop, arguments(servers, deployment));
    const bool refused = co_await says(executor, "there is no program");
    CHECK(refused);
    const bool started = co_await says(executor, "executor started");
    CHECK(started);
    fs::create_directory(program.parent_path());
    std::ofstream(program) << "#!/bin/sh\n";
    fs::permissions(program, fs::perms::owner_all);
    executor.signal(SIGHUP);
    const bool taken_up = co_await says(executor, "a new edition is in service");
    CHECK(taken_up);
    executor.signal(SIGTERM);
    CHECK(co_await executor.end() == 0);
  });
}

TEST_CASE("job-executor: a job that needs a label waits for an executor that has it") {
  with_deployment([](asio::io_context& loop, Servers& servers, Observer& observer,
                     Deployment& deployment) -> awaitable<void> {
    ExecutorProcess lacking(loop, arguments(servers, deployment));
    const std::string id = co_await observer.submit("test_needs_labels");
    const bool told =
        co_await says(lacking, "needs the labels gpu, region=eu, which this executor lacks");
    CHECK(told);
    const json waiting = co_await observer.job(id);
    CHECK(waiting["state"] == "QUEUED");
    std::vector<std::string> labelled = arguments(servers, deployment);
    labelled.insert(labelled.end(), {"--labels", "gpu", "region=eu"});
    ExecutorProcess having(loop, std::move(labelled));
    co_await observer.wait_until(id, "state", "SUCCESS");
  });
}
