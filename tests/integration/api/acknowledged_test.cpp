// What job-api has answered is so after kill -9, whatever it was doing.
#include <signal.h>

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "common/cimi/client.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;

constexpr int clients = 8;
constexpr int rounds = 5;

// What one client knows of a job of its own.
struct Known {
  int acknowledged = 0;  // the newest value that was answered
  int asked = 0;         // the newest value that was sent
  bool removal_asked = false;
  bool removed = false;
};
using Ledger = std::map<std::string, Known>;

// One round: until the server is dead. It dies at this many answers, in the middle of the others.
struct Round {
  int pid = 0;
  int answers_left = 0;
  bool over = false;

  void answered() {
    if (--answers_left == 0) ::kill(pid, SIGKILL);
  }
};

json described(int value) {
  json document;
  document["description"] = std::to_string(value);
  return document;
}

// Adds a job, edits it a few times, removes every third; again and again until the server is gone.
awaitable<void> work(cimi::Client* client, Ledger* ledger, Round* round, int seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  while (!round->over) {
    auto job = described(0);
    job["action"] = "acknowledged";
    job["execution-mode"] = "pull";
    const auto added = co_await client->add("job", std::move(job));
    if (!added.ok()) break;
    auto& known = (*ledger)[added.location];
    round->answered();
    const int edits = static_cast<int>(random() % 4);
    for (int value = 1; value <= edits; ++value) {
      known.asked = value;
      auto change = described(value);
      const auto edited = co_await client->edit(added.location, std::move(change));
      if (!edited.ok()) break;
      known.acknowledged = value;
      round->answered();
    }
    if (known.acknowledged != known.asked) break;
    if (random() % 3 != 0) continue;
    known.removal_asked = true;
    const auto removed = co_await client->remove(added.location);
    if (!removed.ok()) break;
    known.removed = true;
    round->answered();
  }
  round->over = true;
}

std::unique_ptr<cimi::Client> client_of(asio::io_context& loop, const ApiServer& server) {
  cimi::ClientOptions options;
  options.url = server.url();
  options.authn_header = "group/nuvla-admin";
  options.timeout = std::chrono::seconds(20);
  return cimi::make_http_client(loop, options);
}

void work_until_killed(const ApiServer& server, Ledger& ledger, int answers, int seed) {
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Round round{server.pid(), answers};
    std::vector<std::unique_ptr<cimi::Client>> all;
    runtime::TaskGroup group(loop.get_executor());
    for (int index = 0; index < clients; ++index) {
      all.push_back(client_of(loop, server));
      group.spawn(work(all.back().get(), &ledger, &round, seed * clients + index));
    }
    co_await group.join();
    CHECK(round.answers_left <= 0);  // it was the kill that ended the round
  };
  run_on_loop(body, std::chrono::seconds(60));
}

void compare(const ApiServer& server, const Ledger& ledger) {
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    const auto client = client_of(loop, server);
    for (const auto& [id, known] : ledger) {
      CAPTURE(id, known.acknowledged, known.asked, known.removal_asked, known.removed);
      const auto read = co_await client->get(id);
      if (known.removed || (known.removal_asked && !read.ok())) {
        CHECK(read.kind == cimi::ReplyKind::NotFound);
        continue;
      }
      REQUIRE(read.ok());
      const int value = std::stoi(read.document.at("description").get<std::string>());
      CHECK(value >= known.acknowledged);
      CHECK(value <= known.asked);
    }
  };
  run_on_loop(body, std::chrono::seconds(60));
}

TEST_CASE("job-api: what was answered is so after kill -9 under load", "[api][durability]") {
  ApiServer server({{}, {"--trust-authn-header"}, {}});
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  Ledger ledger;  // of all rounds: later ones must not undo earlier ones
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    const auto before = ledger.size();
    const int answers = 100 + static_cast<int>(random() % 400);
    work_until_killed(server, ledger, answers, static_cast<int>(random() % 100000));
    CHECK(ledger.size() > before);
    server.kill();
    server.restart();
    compare(server, ledger);
  }
}

}  // namespace
}  // namespace jobengine::tests
