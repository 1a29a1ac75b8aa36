// How logs get to an API that answers as the test wants it to.
#include "executor/log_shipping.hpp"

#include <catch2/catch.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using cimi::Reply;
using cimi::ReplyKind;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

Reply reply_of(ReplyKind kind, int status, const std::string& message, json document = nullptr) {
  Reply reply;
  reply.kind = kind;
  reply.status = status;
  reply.message = message;
  reply.document = std::move(document);
  return reply;
}

// Keeps what it is sent, unless `script` has another answer.
class ScriptedApi final : public cimi::Client {
 public:
  awaitable<Reply> request(cimi::Request asked) override {
    auto loop = co_await asio::this_coro::executor;
    ++under_way;
    most_under_way = std::max(most_under_way, under_way);
    co_await asio::post(loop, use_awaitable);
    if (hold) co_await hold->wait();
    --under_way;
    ++requests;
    paths.push_back(asked.path);
    const json body = json::parse(asked.body);
    if (script) {
      Reply scripted = script(body);
      if (scripted.status != 200) co_return scripted;
    }
    co_return keep(body);
  }

  Reply keep(const json& body) {
    const auto first = body["first"].get<std::size_t>();
    if (first > texts.size()) {
      return reply_of(ReplyKind::Conflict, 409, "missing", {{"next", texts.size()}});
    }
    std::size_t number = first;
    for (const json& line : body["lines"]) {
      if (number++ >= texts.size()) texts.push_back(line["text"]);
    }
    return reply_of(ReplyKind::Ok, 200, "", {{"next", texts.size()}});
  }

  std::function<Reply(const json& body)> script;
  runtime::Event* hold = nullptr;  // requests wait for it
  std::vector<std::string> texts;
  std::vector<std::string> paths;
  int requests = 0;
  int under_way = 0;
  int most_under_way = 0;
};

struct World {
  explicit World(asio::io_context& loop) : background(loop.get_executor()) {
    options.pace = milliseconds(10);
    options.retries = {milliseconds(5), milliseconds(20)};
    options.executor = "one";
  }
  LogShipping& shipping() {
    if (!shipping_) shipping_.emplace(api, background, metrics, options);
    return *shipping_;
  }
  std::shared_ptr<RunLog> open(const char* job = "job/1", bool maybe_continued = false) {
    LoggedRun run;
    run.job_id = job;
    run.maybe_continued = maybe_continued;
    return shipping().open(std::move(run));
  }
  std::string metric(const std::string& name) const {
    const std::string all = metrics.exposition();
    const std::size_t start = all.find("\n" + name + " ");
    if (start == std::string::npos) return "none";
    const std::size_t value = start + name.size() + 2;
    return all.substr(value, all.find('\n', value) - value);
  }

  ScriptedApi api;
  telemetry::Metrics metrics;
  runtime::TaskGroup background;
  LogOptions options;

 private:
  std::optional<LogShipping> shipping_;
};

void in_world(const std::function<awaitable<void>(World&)>& body) {
  run_on_loop([&body](asio::io_context& loop) -> awaitable<void> {
    World world(loop);
    co_await body(world);
    world.api.hold = nullptr;
    world.shipping().end_within(milliseconds(200));
    co_await world.background.join();
  });
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("lines are sent while the run goes on, and the last ones after its end") {
  in_world([](World& world) -> awaitable<void> {
    const auto log = world.open();
    log->note_engine("started", /*is_news=*/false);
    log->note(LogStream::Stdout, "first");
    auto there = [&] { return world.api.texts.size() == 2; };
    REQUIRE(co_await eventually(there));
    log->note(LogStream::Log, "second", 1);
    log->end("the action returned 0", /*is_news=*/false);
    co_await world.background.join();
    CHECK(world.api.texts == Lines{"started", "first", "second", "the action returned 0"});
    CHECK(world.api.paths.front() == "job/1/logs");
    CHECK(world.metric("jobengine_executor_log_lines_total") == "4");
  });
}

TEST_CASE("a run of which there is nothing to tell costs no request") {
  in_world([](World& world) -> awaitable<void> {
    const auto log = world.open("job/1", /*maybe_continued=*/true);
    log->note_engine("started", /*is_news=*/false);
    log->end("the action returned 0", /*is_news=*/false);
    CHECK(world.background.running() == 0);
    co_await world.background.join();
    CHECK(world.api.requests == 0);
  });
}

TEST_CASE("however much is said, a run has one request at a time and one a pace") {
  in_world([](World& world) -> awaitable<void> {
    world.options.pace = seconds(1);
    const auto log = world.open();
    for (int i = 0; i < 3000; ++i) log->note(LogStream::Stdout, "line " + std::to_string(i));
    log->end("over", false);
    co_await world.background.join();
    CHECK(world.api.texts.size() == 3001);
    CHECK(world.api.requests == 1);
    CHECK(world.api.most_under_way == 1);
  });
}

TEST_CASE("while the API is away lines are kept, and sent once when it is back") {
  in_world([](World& world) -> awaitable<void> {
    int failures = 0;
    world.api.script = [&](const json& body) {
      ++failures;
      if (failures == 2) world.api.keep(body);  // and the answer is lost
      if (failures <= 4) return reply_of(ReplyKind::Unreachable, 0, "no answer");
      return reply_of(ReplyKind::Ok, 200, "");
    };
    const auto log = world.open();
    for (int i = 0; i < 10; ++i) log->note(LogStream::Stdout, std::to_string(i));
    auto tried = [&] { return failures >= 3; };
    REQUIRE(co_await eventually(tried));
    log->note(LogStream::Stdout, "later");
    log->end("over", false);
    co_await world.background.join();
    REQUIRE(world.api.texts.size() == 12);
    CHECK(world.api.texts.front() == "0");
    CHECK(world.api.texts[10] == "later");
    CHECK(world.api.texts.back() == "over");
  });
}

TEST_CASE("an API that stays away is given up after a while, and its lines are counted") {
  in_world([](World& world) -> awaitable<void> {
    world.options.patience = milliseconds(30);
    world.api.script = [](const json&) { return reply_of(ReplyKind::Unavailable, 503, "busy"); };
    const auto log = world.open();
    for (int i = 0; i < 10; ++i) log->note(LogStream::Stdout, std::to_string(i));
    log->end("over", false);
    co_await world.background.join();
    CHECK(log->tail().ends_with("\n9"));
    CHECK(world.metric("jobengine_executor_log_dropped_lines_total{reason=\"api\"}") == "11");
  });
}

TEST_CASE("what waits of ended runs is bounded") {
  in_world([](World& world) -> awaitable<void> {
    world.options.most_held = 5000;
    runtime::Event answer;
    world.api.hold = &answer;
    for (int i = 0; i < 20; ++i) {
      const auto log = world.open();
      log->note(LogStream::Stdout, std::string(1000, 'x'));
      log->end("over", false);
    }
    CHECK(world.background.running() <= 20);
    answer.raise();
    co_await world.background.join();
    const std::string dropped =
        world.metric("jobengine_executor_log_dropped_lines_total{reason=\"api\"}");
    CHECK(std::stoi(dropped) >= 2 * 15);
    CHECK(world.api.requests <= 5);
  });
}

TEST_CASE("logs take few connections at a time, whatever the number of runs") {
  in_world([](World& world) -> awaitable<void> {
    for (int i = 0; i < 50; ++i) {
      const auto log = world.open(("job/" + std::to_string(i)).c_str());
      log->note(LogStream::Stdout, "a line");
      log->end("over", false);
    }
    co_await world.background.join();
    CHECK(world.api.requests == 50);
    CHECK(world.api.most_under_way <= 4);
  });
}

TEST_CASE("an API without logs is asked once, and again after a while") {
  in_world([](World& world) -> awaitable<void> {
    const int status = GENERATE(404, 405);
    const auto kind = status == 404 ? ReplyKind::NotFound : ReplyKind::Invalid;
    world.options.silence = milliseconds(300);
    world.api.script = [=](const json&) { return reply_of(kind, status, "undefined action"); };
    for (int i = 0; i < 3; ++i) {
      const auto log = world.open();
      log->note(LogStream::Stdout, "a line");
      log->end("over", false);
      CHECK(log->tail() == "a line");
      co_await world.background.join();
    }
    CHECK(world.api.requests == 1);
    auto over = [&] { return !world.shipping().silent(); };
    REQUIRE(co_await eventually(over));
    world.api.script = nullptr;
    const auto log = world.open();
    log->note(LogStream::Stdout, "a line");
    log->end("over", false);
    co_await world.background.join();
    CHECK(world.api.texts.size() == 2);
  });
}

TEST_CASE("a job that is gone silences nobody else") {
  in_world([](World& world) -> awaitable<void> {
    world.api.script = [](const json&) {
      return reply_of(ReplyKind::NotFound, 404, "POST job/1/logs: answered 404: job/1 not found");
    };
    const auto gone = world.open();
    gone->note(LogStream::Stdout, "a line");
    gone->end("over", false);
    co_await world.background.join();
    CHECK(world.api.requests == 1);
    CHECK_FALSE(world.shipping().silent());
  });
}

TEST_CASE("a run that may continue the numbers of another asks where to go on") {
  in_world([](World& world) -> awaitable<void> {
    world.api.texts = {"of", "another", "run"};
    const auto log = world.open("job/1", /*maybe_continued=*/true);
    log->note(LogStream::Stdout, "mine");
    log->end("over", false);
    co_await world.background.join();
    CHECK(world.api.texts == Lines{"of", "another", "run", "mine", "over"});
  });
}

TEST_CASE("an API that has lost lines is followed to where it is") {
  in_world([](World& world) -> awaitable<void> {
    const auto log = world.open();
    log->note(LogStream::Stdout, "one");
    log->note(LogStream::Stdout, "two");
    auto there = [&] { return world.api.texts.size() == 2; };
    REQUIRE(co_await eventually(there));
    world.api.texts = {"one"};
    log->note(LogStream::Stdout, "three");
    log->end("over", false);
    co_await world.background.join();
    CHECK(world.api.texts == Lines{"one", "three", "over"});
  });
}

TEST_CASE("lines the API refuses are left out, and the others sent") {
  in_world([](World& world) -> awaitable<void> {
    const auto refused = [](const json& body) {
      for (const json& line : body["lines"]) {
        if (line["text"] == "bad") return true;
      }
      return false;
    };
    world.api.script = [&](const json& body) {
      if (refused(body)) return reply_of(ReplyKind::Invalid, 400, "not accepted");
      return reply_of(ReplyKind::Ok, 200, "");
    };
    const auto log = world.open();
    for (const char* line : {"good", "bad", "fine"}) log->note(LogStream::Stdout, line);
    log->end("over", false);
    co_await world.background.join();
    CHECK(world.api.texts == Lines{"good", "fine", "over"});
  });
}

TEST_CASE("an API that has its fill of a job's log gets no more of it") {
  in_world([](World& world) -> awaitable<void> {
    world.api.script = [](const json& body) {
      return reply_of(ReplyKind::Ok, 201, "",
                      {{"next", body["first"].get<int>() + 1}, {"capped", true}});
    };
    const auto log = world.open();
    log->note(LogStream::Stdout, "one");
    auto asked = [&] { return world.api.requests == 1 && world.background.running() == 0; };
    REQUIRE(co_await eventually(asked));
    log->note(LogStream::Stdout, "two");
    log->end("over", false);
    co_await world.background.join();
    CHECK(world.api.requests == 1);
    CHECK(log->tail() == "one\ntwo");
  });
}

TEST_CASE("the end of the executor waits for the API only so long") {
  in_world([](World& world) -> awaitable<void> {
    world.api.script = [](const json&) { return reply_of(ReplyKind::Unreachable, 0, "away"); };
    const auto log = world.open();
    log->note(LogStream::Stdout, "a line");
    log->end("over", false);
    const auto started = runtime::Clock::now();
    world.shipping().end_within(milliseconds(100));
    co_await world.background.join();
    CHECK(runtime::Clock::now() - started < seconds(10));
  });
}
