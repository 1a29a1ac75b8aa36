// Edits that meet: none is lost silently, and a cancel is never overwritten.
#include <catch2/catch.hpp>
#include <optional>

#include "common/cimi/client.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;

constexpr int clients = 12;

// Each with connections of its own; all on one loop, so that assertions are made on one thread.
class Clients {
 public:
  Clients(asio::io_context& loop, const ApiServer& server) {
    cimi::ClientOptions options;
    options.url = server.url();
    options.authn_header = "group/nuvla-admin";
    for (int count = 0; count < clients; ++count) {
      list_.push_back(cimi::make_http_client(loop, options));
    }
  }
  cimi::Client& at(int index) { return *list_.at(static_cast<std::size_t>(index)); }

 private:
  std::vector<std::unique_ptr<cimi::Client>> list_;
};

awaitable<std::string> added(cimi::Client& client, json job) {
  job["execution-mode"] = "pull";
  const auto reply = co_await client.add("job", std::move(job));
  REQUIRE(reply.ok());
  co_return reply.location;
}

// Sets one attribute to ever new values, and looks whether the answers have them.
awaitable<void> write_attribute(cimi::Client* client, std::string job, std::string name) {
  for (int round = 1; round <= 25; ++round) {
    json changes;
    changes[name] = name + " " + std::to_string(round);
    const auto reply = co_await client->edit(job, changes);
    REQUIRE(reply.ok());
    CHECK(reply.document.at(name) == changes[name]);
  }
}

TEST_CASE("edits: of many at once on one job each keeps its attribute", "[api]") {
  const ApiServer server({{}, {"--trust-authn-header"}, {}});
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Clients all(loop, server);
    json wanted;
    wanted["action"] = "edited";
    const auto job = co_await added(all.at(0), wanted);
    const std::vector<std::string> names = {"name", "description", "output", "payload",
                                            "status-message"};
    runtime::TaskGroup writers(loop.get_executor());
    for (int index = 0; index < 5; ++index) {
      const auto& name = names.at(static_cast<std::size_t>(index));
      // Two write each attribute: the last value is one of theirs, the others' stay.
      writers.spawn(write_attribute(&all.at(2 * index), job, name));
      writers.spawn(write_attribute(&all.at(2 * index + 1), job, name));
    }
    co_await writers.join();
    const auto after = co_await all.at(0).get(job);
    for (int index = 0; index < 5; ++index) {
      const auto& name = names.at(static_cast<std::size_t>(index));
      CHECK(after.document.at(name) == name + " 25");
    }
  };
  run_on_loop(body, std::chrono::seconds(180));
}

struct Counts {
  int written = 0;
  int refused = 0;
};

// Adds one, again and again, each time on what was read before, until all were added.
awaitable<void> count_up(cimi::Client* client, std::string job, Counts* counts) {
  int left = 5;
  while (left > 0) {
    const auto read = co_await client->get(job);
    REQUIRE(read.ok());
    json changes;
    changes["return-code"] = read.document.value("return-code", 0) + 1;
    cimi::EditOptions options;
    options.if_match = read.etag;
    const auto reply = co_await client->edit(job, changes, options);
    if (reply.ok()) {
      --left;
      ++counts->written;
    } else {
      CHECK(reply.kind == cimi::ReplyKind::PreconditionFailed);
      ++counts->refused;
    }
  }
}

TEST_CASE("edits: with If-Match no two write on the same state", "[api]") {
  const ApiServer server({{}, {"--trust-authn-header"}, {}});
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Clients all(loop, server);
    json wanted;
    wanted["action"] = "counted";
    const auto job = co_await added(all.at(0), wanted);
    Counts counts;
    runtime::TaskGroup writers(loop.get_executor());
    for (int index = 0; index < clients; ++index) {
      writers.spawn(count_up(&all.at(index), job, &counts));
    }
    co_await writers.join();
    const auto after = co_await all.at(0).get(job);
    CHECK(after.document.at("return-code") == 5 * clients);
    CHECK(counts.written == 5 * clients);
    CHECK(counts.refused > 0);
  };
  run_on_loop(body, std::chrono::seconds(180));
}

struct Progress {
  int written = 0;
  int ended = 0;
};

awaitable<void> report_progress(cimi::Client* client, std::string job, Progress* progress) {
  for (int round = 0;; ++round) {
    json changes;
    changes["progress"] = round % 100;
    changes["state"] = "RUNNING";
    const auto reply = co_await client->edit(job, changes);
    if (!reply.ok()) {
      CHECK(reply.kind == cimi::ReplyKind::Conflict);
      CHECK(reply.message.find("edit is not allowed in final state") != std::string::npos);
      ++progress->ended;
      co_return;
    }
    ++progress->written;
  }
}

TEST_CASE("cancel: no progress that is reported at the same time overwrites it", "[api]") {
  const ApiServer server({{}, {"--trust-authn-header"}, {}});
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Clients all(loop, server);
    for (int round = 0; round < 5; ++round) {
      json wanted;
      wanted["action"] = "bulk_cancelled";
      const auto job = co_await added(all.at(0), wanted);
      Progress progress;
      runtime::TaskGroup reporters(loop.get_executor());
      for (int index = 1; index < clients; ++index) {
        reporters.spawn(report_progress(&all.at(index), job, &progress));
      }
      const auto under_way =
          co_await eventually([&progress] { return progress.written > 2 * clients; });
      CHECK(under_way);
      const auto cancelled = co_await all.at(0).operation(job, "cancel");
      REQUIRE(cancelled.ok());
      co_await reporters.join();
      CHECK(progress.ended == clients - 1);
      const auto after = co_await all.at(0).get(job);
      CHECK(after.document.at("state") == "CANCELED");
      CHECK(after.document.at("progress") == 100);
      CHECK(after.etag == cancelled.etag);
      cimi::Search children;
      children.filter = "action='cancel_children_jobs' and target-resource/href='" + job + "'";
      const auto made = co_await all.at(0).search("job", children);
      CHECK(made.document.at("count") == 1);
      CHECK(made.document.at("resources").at(0).at("acl") == after.document.at("acl"));
    }
  };
  run_on_loop(body, std::chrono::seconds(180));
}

TEST_CASE("cancel: of many at once one does it, and one job for the children is made", "[api]") {
  const ApiServer server({{}, {"--trust-authn-header"}, {}});
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Clients all(loop, server);
    json wanted;
    wanted["action"] = "bulk_cancelled";
    const auto job = co_await added(all.at(0), wanted);
    int done = 0;
    runtime::TaskGroup group(loop.get_executor());
    const auto cancel = [&job, &done](cimi::Client* client) -> awaitable<void> {
      const auto reply = co_await client->operation(job, "cancel");
      if (reply.ok()) ++done;
      if (!reply.ok()) CHECK(reply.status == 403);
    };
    for (int index = 0; index < clients; ++index) group.spawn(cancel(&all.at(index)));
    co_await group.join();
    CHECK(done == 1);
    cimi::Search children;
    children.filter = "action='cancel_children_jobs'";
    const auto made = co_await all.at(0).search("job", children);
    CHECK(made.document.at("count") == 1);
  };
  run_on_loop(body, std::chrono::seconds(180));
}

}  // namespace
}  // namespace jobengine::tests
