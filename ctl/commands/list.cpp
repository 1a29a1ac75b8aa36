// jobctl list: a page of jobs, newest first.
#include <cstdio>

#include "common/program/program.hpp"
#include "ctl/api_access.hpp"
#include "ctl/commands.hpp"
#include "ctl/progress.hpp"
#include "ctl/table.hpp"
#include "ctl/times.hpp"

namespace jobengine::ctl {

namespace {

cimi::Search search_of(const ListCommand& command) {
  std::vector<std::string> clauses;
  if (!command.states.empty()) clauses.push_back("state=" + cimi::quoted_list(command.states));
  if (!command.action.empty()) clauses.push_back("action=" + cimi::quoted(command.action));
  // Alone it stays as typed, so that places in messages are right.
  const bool alone = clauses.empty();
  if (!command.filter.empty()) {
    clauses.push_back(alone ? command.filter : "(" + command.filter + ")");
  }
  cimi::Search search;
  for (const std::string& clause : clauses) {
    search.filter += (search.filter.empty() ? "" : " and ") + clause;
  }
  search.orderby = "created:desc";
  search.first = command.first;
  search.last = command.last;
  return search;
}

void print_table(const nlohmann::json& page, const ListCommand& command) {
  Table table({"ID", "ACTION", "STATE", "DONE", "AGE", "RUN TIME", "TARGET", "MESSAGE"});
  const auto jobs = page.value("resources", nlohmann::json::array());
  for (const auto& job : jobs) {
    std::string id = attribute(job, "id");
    if (id.starts_with("job/")) id.erase(0, 4);
    const auto target = job.find("target-resource");
    const std::string href = target != job.end() ? attribute(*target, "href") : "";
    table.add({id, attribute(job, "action"), attribute(job, "state"),
               attribute(job, "progress") + "%", age_text(attribute(job, "created"), wall_now()),
               run_time(job), href, attribute(job, "status-message")});
  }
  // A message may be 100000 characters; one line of it is enough where nothing else limits it.
  constexpr std::size_t widest_line = 240;
  const std::size_t width = output_width();
  if (table.rows() > 0) std::fputs(table.text(width == 0 ? widest_line : width).c_str(), stdout);
  const auto count = page.value("count", std::int64_t{0});
  if (table.rows() == 0) {
    std::fprintf(stderr, "No jobs shown; %lld match.\n", static_cast<long long>(count));
  } else if (const auto shown = command.first - 1 + static_cast<std::int64_t>(table.rows());
             shown < count) {
    std::fprintf(stderr, "Jobs %d to %lld of %lld; more with --last, or from there with --first.\n",
                 command.first, static_cast<long long>(shown), static_cast<long long>(count));
  }
}

}  // namespace

awaitable<int> list(asio::io_context& loop, const ListCommand& command, const Context& context) {
  auto search = search_of(command);
  auto client = co_await open_api(loop, context);
  auto found = co_await client->search("job", std::move(search));
  const cimi::Reply reply = expect_ok(std::move(found));
  if (context.output == Output::Json) {
    std::printf("%s\n", reply.document.dump(2).c_str());
  } else {
    print_table(reply.document, command);
  }
  co_return program::exit_ok;
}

}  // namespace jobengine::ctl
