// The logs of jobs in the store: numbered, bounded, gone with their jobs.
#include <catch2/catch.hpp>

#include "api/store/job_log_writer.hpp"
#include "api/store/migrations.hpp"
#include "api/store/sqlite_connection.hpp"
#include "api/store/store.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api::store;
using nlohmann::json;
using Outcome = LogAppended::Outcome;

namespace {

json job(const std::string& id) {
  return {{"id", id}, {"state", "SUCCESS"}, {"acl", {{"owners", {"group/nuvla-admin"}}}}};
}

LogLine line(LogStream stream, const std::string& text) {
  const auto name = log_stream_names.at(static_cast<std::size_t>(stream));
  return {stream, "{\"stream\":\"" + std::string(name) + "\",\"text\":" + json(text).dump() + "}"};
}

LogAppend appending(const std::string& job, std::int64_t attempt, std::int64_t first,
                    const std::vector<std::string>& texts, LogStream stream = LogStream::Stdout) {
  LogAppend append;
  append.job = job;
  append.attempt = attempt;
  append.first = first;
  for (const auto& text : texts) append.lines.push_back(line(stream, text));
  append.limit = 1'000'000;
  append.notice = line(LogStream::Engine, "capped");
  return append;
}

class LogStore {
 public:
  LogStore() : store(open_sqlite_store(file())) {}
  std::string file() const { return (folder.path() / "jobs.db").string(); }

  void put(const std::string& id) {
    std::vector<Change> changes = {{id, [id](const StoredDocument*) {
                                      return Decision{Decision::Kind::Put, job(id), false};
                                    }}};
    change(std::move(changes));
  }
  void remove(const std::string& id) {
    std::vector<Change> changes = {
        {id, [](const StoredDocument*) { return Decision{Decision::Kind::Remove, {}, false}; }}};
    change(std::move(changes));
  }
  LogAppended append(LogAppend request) {
    return tests::awaited(store->append_log(std::move(request)));
  }
  // "1.0 a|1.1 b": attempt, number and text of each line.
  std::string read(const LogQuery& query) {
    page = tests::awaited(store->read_log(query));
    std::string text;
    for (const auto& one : page.lines) {
      text += (text.empty() ? "" : "|") + std::to_string(one.attempt) + "." +
              std::to_string(one.number) + " " +
              json::parse(one.json).at("text").get<std::string>().substr(0, 20);
    }
    return text;
  }
  std::string read_from(std::int64_t position) {
    LogQuery query;
    query.job = "job/1";
    query.from = position;
    return read(query);
  }
  std::int64_t rows() const {
    Connection connection(file(), Connection::Access::Read);
    return connection.integer(
        "SELECT (SELECT count(*) FROM log_chunk) + (SELECT count(*) FROM job_log) + "
        "(SELECT count(*) FROM log_attempt)");
  }

  // What is left of jobs that are gone is removed a little later.
  bool rows_become(std::int64_t count) const {
    bool reached = false;
    tests::run_on_loop([&](asio::io_context&) -> awaitable<void> {
      auto there = [&] { return rows() == count; };
      reached = co_await tests::eventually(there);
    });
    return reached;
  }

  tests::TemporaryDirectory folder;
  std::unique_ptr<Store> store;
  LogPage page;  // the last that was read

 private:
  void change(std::vector<Change> changes) {
    tests::run_on_loop(
        [&](asio::io_context&) -> awaitable<void> { co_await store->change(std::move(changes)); });
  }
};

LogQuery of_job() {
  LogQuery query;
  query.job = "job/1";
  return query;
}

}  // namespace

TEST_CASE("logs: lines come back in order, with their attempt and number", "[store][logs]") {
  LogStore logs;
  logs.put("job/1");
  CHECK(logs.read(of_job()).empty());
  CHECK(logs.append(appending("job/1", 1, 0, {"a", "b"})).next == 2);
  CHECK(logs.append(appending("job/1", 1, 2, {"c\nd"}, LogStream::Stderr)).next == 3);
  CHECK(logs.append(appending("job/1", 2, 0, {"e"})).next == 1);
  // The last of the first attempt comes late, and is found behind what was read before.
  CHECK(logs.append(appending("job/1", 1, 3, {"f"})).next == 4);
  CHECK(logs.read(of_job()) == "1.0 a|1.1 b|1.2 c\nd|2.0 e|1.3 f");
  CHECK(logs.page.count == 5);
  CHECK(logs.page.next == 5);
  CHECK(logs.read_from(4) == "1.3 f");
  CHECK(logs.read_from(5).empty());
  CHECK(logs.page.next == 5);
  CHECK_FALSE(logs.page.more);
}

TEST_CASE("logs: what is there already is not added again, and a gap is refused", "[store][logs]") {
  LogStore logs;
  logs.put("job/1");
  logs.append(appending("job/1", 1, 0, {"a", "b", "c"}));
  auto again = logs.append(appending("job/1", 1, 0, {"a", "b", "c"}));
  CHECK(again.outcome == Outcome::Kept);
  CHECK(again.added == 0);
  CHECK(again.next == 3);
  again = logs.append(appending("job/1", 1, 1, {"b", "c", "d"}));
  CHECK(again.added == 1);
  CHECK(again.next == 4);
  const auto gap = logs.append(appending("job/1", 1, 5, {"f"}));
  CHECK(gap.outcome == Outcome::Gap);
  CHECK(gap.next == 4);
  CHECK(logs.append(appending("job/1", 2, 1, {"x"})).outcome == Outcome::Gap);
  const auto none = logs.append(appending("job/1", 1, 0, {}));
  CHECK(none.outcome == Outcome::Kept);
  CHECK(none.next == 4);
  CHECK(logs.append(appending("job/none", 1, 0, {"a"})).outcome == Outcome::NoJob);
  CHECK(logs.read(of_job()) == "1.0 a|1.1 b|1.2 c|1.3 d");
}

TEST_CASE("logs: beyond the limit one notice is kept, once", "[store][logs]") {
  LogStore logs;
  logs.put("job/1");
  auto large = appending("job/1", 1, 0, {"a", "b", std::string(1000, 'c'), "d"});
  large.limit = 200;
  auto appended = logs.append(large);
  CHECK(appended.full);
  CHECK(appended.added == 3);
  CHECK(appended.next == 4);
  CHECK(logs.read(of_job()) == "1.0 a|1.1 b|1.2 capped");
  // Repeated, continued, and by another attempt, without and with a gap.
  for (const auto& [attempt, first] : {std::pair{1, 0}, {1, 4}, {2, 0}, {3, 7}}) {
    appended = logs.append(appending("job/1", attempt, first, {"x", "y"}));
    CHECK(appended.outcome == Outcome::Kept);
    CHECK(appended.full);
    CHECK(appended.added == 0);
    CHECK(appended.next == std::max(first + 2, attempt == 1 ? 4 : 0));
  }
  CHECK(logs.read(of_job()) == "1.0 a|1.1 b|1.2 capped");
}

TEST_CASE("logs: pages by attempt, stream, position and size", "[store][logs]") {
  LogStore logs;
  logs.put("job/1");
  for (int i = 0; i < 10; ++i) {
    const auto stream = i % 2 == 0 ? LogStream::Stdout : LogStream::Stderr;
    const auto text = std::to_string(i);
    logs.append(appending("job/1", 1, 2 * i, {text + "a", text + "b"}, stream));
  }
  logs.append(appending("job/1", 2, 0, {"x", "y"}, LogStream::Engine));
  auto query = of_job();
  query.most_lines = 3;
  CHECK(logs.read(query) == "1.19 9b|2.0 x|2.1 y");
  CHECK(logs.page.count == 22);
  CHECK(logs.page.next == 22);
  query.from = 3;
  CHECK(logs.read(query) == "1.3 1b|1.4 2a|1.5 2b");
  CHECK(logs.page.next == 6);
  CHECK(logs.page.more);
  query.stream = LogStream::Stderr;
  CHECK(logs.read(query) == "1.3 1b|1.6 3a|1.7 3b");
  CHECK(logs.page.count == 10);
  query.from = logs.page.next;
  CHECK(logs.read(query) == "1.10 5a|1.11 5b|1.14 7a");
  query.from.reset();
  CHECK(logs.read(query) == "1.15 7b|1.18 9a|1.19 9b");
  query.attempt = 2;
  CHECK(logs.read(query).empty());
  CHECK(logs.page.count == 0);
  query.stream.reset();
  CHECK(logs.read(query) == "2.0 x|2.1 y");
  CHECK(logs.page.count == 2);
  // By size: at least one line, and not much more than asked for.
  auto small = of_job();
  small.most_bytes = 1;
  CHECK(logs.read(small) == "2.1 y");
  small.from = 0;
  CHECK(logs.read(small) == "1.0 0a");
  CHECK(logs.page.next == 1);
  small.from = 21;
  CHECK(logs.read(small) == "2.1 y");
  CHECK_FALSE(logs.page.more);
  auto none = of_job();
  none.most_lines = 0;
  CHECK(logs.read(none).empty());
  CHECK(logs.page.count == 22);
  none.from = 1000;
  CHECK(logs.read(none).empty());
  CHECK(logs.page.next == 22);
}

TEST_CASE("logs: they stay through edits and searches, and go with their job however it goes",
          "[store][logs]") {
  LogStore logs;
  SearchRequest all;
  all.collection = "job";
  all.visibility.everything = true;
  int way = 0;
  SECTION("by itself") {
    way = 1;
  }
  SECTION("in a bulk delete") {
    way = 2;
  }
  SECTION("by retention") {
    way = 3;
  }
  SECTION("by a decision on what matches") {
    way = 4;
  }
  for (const char* id : {"job/1", "job/2"}) {
    logs.put(id);
    logs.append(appending(id, 1, 0, {"a"}));
    logs.append(appending(id, 2, 0, {"b"}));
  }
  logs.put("job/1");
  CHECK(tests::awaited(logs.store->search(all)).count == 2);
  CHECK(logs.read(of_job()) == "1.0 a|2.0 b");
  CHECK(logs.rows() == 10);
  tests::run_on_loop([&](asio::io_context&) -> awaitable<void> {
    if (way == 2) co_await logs.store->remove_matching(all);
    if (way == 3) co_await logs.store->remove_paced(all, Pace());
    Decide gone = [](const StoredDocument*) { return Decision{Decision::Kind::Remove, {}, false}; };
    if (way == 4) co_await logs.store->change_matching(all, gone);
  });
  if (way == 1) {
    logs.remove("job/2");
    CHECK(logs.rows_become(5));
    logs.remove("job/1");
  }
  // A job in the same row begins anew, at once.
  logs.put("job/1");
  CHECK(logs.read(of_job()).empty());
  CHECK(logs.append(appending("job/1", 1, 0, {"c"})).next == 1);
  CHECK(logs.read(of_job()) == "1.0 c");
  CHECK(logs.rows_become(3));
}

TEST_CASE("logs: what a gone job leaves goes in pieces, also by the next process",
          "[store][logs]") {
  LogStore logs;
  logs.put("job/1");
  logs.put("job/2");
  for (int i = 0; i < 50; ++i) {
    auto large = appending("job/1", 1, i, {std::string(100'000, 'x')});
    large.limit = 10'000'000;
    logs.append(std::move(large));
  }
  logs.append(appending("job/2", 1, 0, {"a"}));
  logs.store.reset();
  {
    Connection connection(logs.file(), Connection::Access::ReadAndWrite);
    connection.run("DELETE FROM resource WHERE id = 'job/1'");
    JobLogWriter writer(connection);
    const auto chunks = [&] { return connection.integer("SELECT count(*) FROM log_chunk"); };
    CHECK(chunks() == 51);
    CHECK(writer.sweep());
    CHECK(chunks() > 35);
    CHECK(chunks() < 45);
  }
  logs.store = open_sqlite_store(logs.file());
  CHECK(logs.rows_become(3));
  auto query = of_job();
  query.job = "job/2";
  CHECK(logs.read(query) == "1.0 a");
}

TEST_CASE("logs: observers are told that lines came, and of nothing that added none",
          "[store][logs]") {
  LogStore logs;
  std::vector<std::string> told;  // read when the writes have been answered
  CommitObserver observer;
  observer.interested = [] { return true; };
  observer.committed = [&](const std::vector<Committed>& changes) {
    for (const auto& change : changes) {
      told.push_back(change.id + (change.log ? " log" : ""));
      CHECK(static_cast<bool>(change.after) != change.log);
    }
  };
  logs.store->observe(observer);
  logs.put("job/1");
  logs.append(appending("job/1", 1, 0, {"a"}));
  logs.append(appending("job/1", 1, 0, {"a"}));
  logs.append(appending("job/1", 1, 7, {"gap"}));
  logs.append(appending("job/1", 1, 1, {"b"}));
  logs.store.reset();
  CHECK(told == std::vector<std::string>{"job/1", "job/1/logs log", "job/1/logs log"});
}

TEST_CASE("logs: many senders at once, and what was answered is there after reopening",
          "[store][logs]") {
  LogStore logs;
  constexpr int jobs = 20;
  constexpr int batches = 10;
  for (int i = 0; i < jobs; ++i) logs.put("job/" + std::to_string(i));
  tests::run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
    auto send = [](Store& store, std::string id) -> awaitable<void> {
      for (int batch = 0; batch < batches; ++batch) {
        auto request = appending(id, 1, 2 * batch, {"x", "y"});
        const auto appended = co_await store.append_log(std::move(request));
        CHECK(appended.next == 2 * batch + 2);
      }
    };
    runtime::TaskGroup group(loop.get_executor());
    for (int i = 0; i < jobs; ++i) group.spawn(send(*logs.store, "job/" + std::to_string(i)));
    co_await group.join();
  });
  logs.store.reset();
  logs.store = open_sqlite_store(logs.file());
  for (int i = 0; i < jobs; ++i) {
    auto query = of_job();
    query.job = "job/" + std::to_string(i);
    logs.read(query);
    CHECK(logs.page.lines.size() == 2 * batches);
  }
}

TEST_CASE("logs: an older database gets room for them and keeps its jobs", "[store][logs]") {
  const tests::TemporaryDirectory folder;
  const auto file = (folder.path() / "jobs.db").string();
  {
    Connection connection(file, Connection::Access::ReadAndWrite);
    migrate(connection, file, /*versions=*/3);
    connection.run(
        "INSERT INTO resource(id, collection, document, revision, awaits_entry, acl, state) "
        "VALUES('job/old', 'job', "
        "'{\"id\":\"job/old\",\"acl\":{\"owners\":[\"group/nuvla-admin\"]},"
        "\"state\":\"SUCCESS\"}', 1, 0, 1, 'SUCCESS')");
  }
  const auto store = open_sqlite_store(file);
  REQUIRE(tests::awaited(store->get("job/old")));
  CHECK(tests::awaited(store->append_log(appending("job/old", 1, 0, {"a"}))).next == 1);
  auto query = of_job();
  query.job = "job/old";
  CHECK(tests::awaited(store->read_log(query)).count == 1);
}
