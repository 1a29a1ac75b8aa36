// jobctl show: everything about one job.
#include <algorithm>
#include <array>
#include <cstdio>

#include "common/program/program.hpp"
#include "ctl/api_access.hpp"
#include "ctl/commands.hpp"
#include "ctl/times.hpp"

namespace jobengine::ctl {

namespace {

void print_line(const std::string& name, const std::string& value) {
  constexpr int name_width = 22;
  std::printf("%-*s %s\n", name_width, (name + ":").c_str(), value.c_str());
}

std::string with_age(const std::string& timestamp) {
  return timestamp + "  (" + age_text(timestamp, wall_now()) + " ago)";
}

// Texts of several lines stand below their name, indented.
void print_text(const std::string& name, const std::string& text) {
  if (text.find('\n') == std::string::npos) {
    print_line(name, text);
    return;
  }
  std::printf("%s:\n", name.c_str());
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    std::printf("  %.*s\n", static_cast<int>(end - from), text.data() + from);
    from = end + 1;
  }
}

void print_job(const nlohmann::json& job) {
  // In the order in which people ask; the rest follows by name.
  constexpr std::array first = {"id",      "name",    "action",  "state",   "progress",
                                "created", "started", "updated", "duration"};
  constexpr std::array last = {"payload", "return-code", "status-message"};
  constexpr std::array hidden = {"acl", "operations", "resource-type", "output"};
  auto contains = [](const auto& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const char* name : first) {
    const std::string value = attribute(job, name);
    if (value.empty()) continue;
    print_line(name, parse_timestamp(value) ? with_age(value) : value);
  }
  const std::string run = run_time(job);
  if (!run.empty()) print_line("run time", run);
  for (const auto& [name, value] : job.items()) {
    if (contains(first, name) || contains(last, name) || contains(hidden, name)) continue;
    const auto href = value.is_object() && value.size() == 1 ? value.find("href") : value.end();
    print_line(name, href != value.end() ? attribute(value, "href") : attribute(job, name.c_str()));
  }
  for (const char* name : last) {
    const std::string value = attribute(job, name);
    if (!value.empty()) print_text(name, value);
  }
  // The end of what it has written.
  const std::string tail = attribute(job, "output");
  if (tail.empty()) return;
  print_text("output", tail);
  std::fprintf(stderr, "All of the output: jobctl logs %s\n", attribute(job, "id").c_str());
}

}  // namespace

awaitable<int> show(asio::io_context& loop, const ShowCommand& command, const Context& context) {
  auto client = co_await open_api(loop, context);
  auto got = co_await client->get(command.job);
  const cimi::Reply reply = expect_ok(std::move(got));
  if (context.output == Output::Json) {
    std::printf("%s\n", reply.document.dump(2).c_str());
  } else {
    print_job(reply.document);
  }
  co_return program::exit_ok;
}

}  // namespace jobengine::ctl
