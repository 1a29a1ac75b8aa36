#include "executor/plugins/describe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "common/runtime/child_process.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "executor/hosts/orphans.hpp"
#include "executor/hosts/output_pipe.hpp"
#include "executor/hosts/output_tail.hpp"

namespace jobengine::executor {

namespace {

using runtime::Failure;

void read_answer(const std::string& answer, Description& description) {
  LineBuffer lines;
  lines.append(answer);
  while (auto line = lines.next()) {
    const auto document = nlohmann::json::parse(*line, nullptr, false);
    if (document.is_object() && document.contains("refused")) {
      description.refused = document["refused"].get<std::string>();
      return;
    }
    description.actions.push_back(manifest_of(document));
  }
}

std::string verdict(const runtime::ChildProcess& child, bool in_time, runtime::Duration limit) {
  if (!in_time) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
    return "did not finish loading within " + std::to_string(seconds) + " s";
  }
  return "a process that loads it is " + child.status().text();
}

}  // namespace

awaitable<Description> describe_plugin(asio::io_context& loop, HostCommand command,
                                       std::string file, runtime::Duration limit) {
  Description description;
  std::string answer;
  auto take = [&answer](std::string_view line) { answer.append(line) += '\n'; };
  OutputTail printed;
  auto keep = [&printed](std::string_view line) { printed.keep(line); };
  OutputPipe standard_output(loop, take, longest_line);
  OutputPipe standard_error(loop, keep);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const runtime::SpawnRequest request = host_request(
      command, "--describe", file,
      {{nothing, 0}, {standard_output.write_end(), 1}, {standard_error.write_end(), 2}});
  runtime::ChildProcess child = runtime::ChildProcess::spawn(loop, request);
  ::close(nothing);
  standard_output.close_write_end();
  standard_error.close_write_end();

  runtime::TaskGroup readers(loop.get_executor());
  readers.spawn(standard_output.read());
  readers.spawn(standard_error.read());
  const bool in_time = co_await child.exited().wait_for(limit);
  if (!in_time) child.signal_group(SIGKILL);
  co_await child.exited().wait();
  co_await end_orphans();
  constexpr auto last_words = std::chrono::milliseconds(300);
  co_await standard_output.ended().wait_for(last_words);
  standard_output.close();
  standard_error.close();
  co_await readers.join();

  try {
    if (in_time) read_answer(answer, description);
  } catch (const Failure& failure) {
    description.refused = failure.what();
  }
  if (!description.refused.empty()) co_return description;
  if (!in_time || !child.status().success()) {
    description.refused = verdict(child, in_time, limit);
    if (!printed.empty()) description.refused += "; it printed: " + printed.text();
  } else if (description.actions.empty()) {
    description.refused = "ended its process while it was loaded";
  }
  co_return description;
}

}  // namespace jobengine::executor
