// jobctl logs: what the runs of a job have written, and with --follow what they write.
#include <cstdio>

#include "common/program/program.hpp"
#include "common/runtime/backoff.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/stop_signal.hpp"
#include "ctl/api_access.hpp"
#include "ctl/commands.hpp"
#include "ctl/log_lines.hpp"

namespace jobengine::ctl {

namespace {

constexpr std::int64_t page_size = 10000;  // the API gives no more
constexpr auto patience = std::chrono::minutes(1);

runtime::BackoffLimits returns() {
  runtime::BackoffLimits limits;
  limits.first = std::chrono::milliseconds(100);
  limits.longest = std::chrono::seconds(5);
  return limits;
}

// One way to stdout for all lines.
class Printer {
 public:
  Printer(Output output, bool timestamps) : output_(output), timestamps_(timestamps) {}

  void print(const nlohmann::json& page) {
    const auto lines = page.find("lines");
    if (lines == page.end() || !lines->is_array()) return;
    for (const auto& line : *lines) {
      ++printed_;
      if (output_ == Output::Json) {
        const auto text = line.dump() + "\n";
        std::fwrite(text.data(), 1, text.size(), stdout);
        continue;
      }
      const auto mark = marks_.before(line);
      if (!mark.empty()) {
        std::fflush(stdout);
        std::fputs(mark.c_str(), stderr);
      }
      const auto text = log_line_text(line, timestamps_);
      std::fwrite(text.data(), 1, text.size(), stdout);
    }
    std::fflush(stdout);
  }
  std::int64_t printed() const { return printed_; }
  // Nobody reads what is printed.
  static bool broken() { return std::ferror(stdout) != 0; }

 private:
  Output output_;
  bool timestamps_;
  AttemptMarks marks_;
  std::int64_t printed_ = 0;
};

LogSelection selection_of(const LogsCommand& command) {
  return {command.attempt, command.stream};
}

// The page, or a Failure that says whether the job or the API's logs are missing.
awaitable<nlohmann::json> expect_page(cimi::Client& client, std::string job, cimi::Reply reply) {
  if (reply.status == 404 || reply.status == 405) {
    auto known = co_await client.get(job);
    known = expect_ok(std::move(known));
    throw runtime::Failure("there are no logs of jobs at this API, which knows " + job + " (" +
                           reply.message + ")");
  }
  co_return expect_ok(std::move(reply)).document;
}

awaitable<nlohmann::json> page_of(cimi::Client& client, const LogsCommand& command,
                                  std::int64_t from, std::int64_t last) {
  auto path = log_path(command.job, selection_of(command), from, last);
  auto got = co_await client.get(std::move(path));
  auto page = co_await expect_page(client, command.job, std::move(got));
  co_return page;
}

// Everything, or the newest lines. Returns the position behind them.
awaitable<std::int64_t> print_present(cimi::Client& client, const LogsCommand& command,
                                      Printer& printer, runtime::Event& stop) {
  const bool newest = command.last > 0;
  const std::int64_t last = newest ? command.last : page_size;
  std::int64_t from = newest ? -1 : 0;
  bool more = true;
  while (more && !stop.raised() && !Printer::broken()) {
    const auto page = co_await page_of(client, command, from, last);
    printer.print(page);
    const auto next = page.value("next", std::int64_t{0});
    more = !newest && next > from && printer.printed() < page.value("count", std::int64_t{0});
    from = next;
  }
  co_return from;
}

// Where a follower is.
struct Place {
  std::int64_t from = 0;
  std::string last_event_id;
  bool over = false;
};

awaitable<void> follow_stream(cimi::EventStream& stream, runtime::Event& stop, Printer& printer,
                              Place& place) {
  while (!place.over && !Printer::broken()) {
    const auto step = co_await stream.next(stop);
    if (step.kind != cimi::StreamStep::Kind::Event) co_return;
    place.last_event_id = step.event.id;
    const auto data = nlohmann::json::parse(step.event.data, nullptr, /*allow_exceptions=*/false);
    if (!data.is_object()) continue;
    if (step.event.name == "lines") printer.print(data);
    if (step.event.name != "end") continue;
    place.over = true;
    if (attribute(data, "reason") == "deleted") std::fputs("The job was deleted.\n", stderr);
  }
}

// Until the API says that no more will come, or `stop` is raised. An API that is away is waited
// for.
awaitable<void> follow_log(cimi::Client& client, const LogsCommand& command, Printer& printer,
                           runtime::Event& stop, Place place) {
  const auto path = log_path(command.job, selection_of(command), place.from, -1);
  runtime::Backoff pace(returns());
  auto last_answer = runtime::Clock::now();
  while (!place.over && !stop.raised() && !Printer::broken()) {
    auto opened = co_await client.open_events(path, place.last_event_id);
    if (opened.stream) {
      const auto before = place.last_event_id;
      co_await follow_stream(*opened.stream, stop, printer, place);
      last_answer = runtime::Clock::now();
      if (place.last_event_id != before) pace.reset();
    } else if (opened.reply.ok()) {
      co_return;  // the end is known
    } else {
      const auto kind = opened.reply.kind;
      const bool away =
          kind == cimi::ReplyKind::Unreachable || kind == cimi::ReplyKind::Unavailable;
      if (!away || runtime::Clock::now() >= last_answer + patience) {
        expect_ok(std::move(opened.reply));
      }
    }
    if (!place.over && !Printer::broken()) co_await runtime::pause(pace.next(), stop);
  }
}

awaitable<void> say_that_there_is_nothing(cimi::Client& client, std::string job) {
  const auto known = co_await client.get(job);
  const auto state = attribute(known.document, "state");
  std::fprintf(stderr, "There are no lines of %s%s.\n", job.c_str(),
               state.empty() ? "" : (", which is " + state).c_str());
}

}  // namespace

awaitable<int> logs(asio::io_context& loop, const LogsCommand& command, const Context& context) {
  runtime::StopSignal stop(loop);
  auto client = co_await open_api(loop, context);
  Printer printer(context.output, command.timestamps);
  Place place;
  if (!command.follow || command.last > 0) {
    place.from = co_await print_present(*client, command, printer, stop.requested());
  } else {
    // Says what is missing, if something is.
    co_await page_of(*client, command, -1, 0);
  }
  if (command.follow) {
    co_await follow_log(*client, command, printer, stop.requested(), place);
  }
  if (stop.requested().raised()) co_return exit_interrupted;
  if (printer.printed() == 0) co_await say_that_there_is_nothing(*client, command.job);
  co_return program::exit_ok;
}

}  // namespace jobengine::ctl
