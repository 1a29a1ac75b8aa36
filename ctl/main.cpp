// jobctl: parse, run one command, exit with its code.
#include <cerrno>
#include <cstdio>

#include "common/program/program.hpp"
#include "common/runtime/event_loop.hpp"
#include "common/runtime/failure.hpp"
#include "ctl/command_line.hpp"
#include "ctl/commands.hpp"

namespace {

using namespace jobengine;

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

awaitable<int> start(asio::io_context& loop, const ctl::Command& chosen,
                     const ctl::Context& context) {
  return std::visit(
      Overloaded{
          [&](const ctl::SubmitCommand& command) { return ctl::submit(loop, command, context); },
          [&](const ctl::ListCommand& command) { return ctl::list(loop, command, context); },
          [&](const ctl::ShowCommand& command) { return ctl::show(loop, command, context); },
          [&](const ctl::LogsCommand& command) { return ctl::logs(loop, command, context); },
          [&](const ctl::CancelCommand& command) { return ctl::cancel(loop, command, context); },
          [&](const ctl::QueueCommand& command) { return ctl::queue(loop, command, context); },
          [&](const ctl::RestoreCommand& command) { return ctl::restore(loop, command, context); },
          [&](const ctl::DevCommand& command) { return ctl::dev(loop, command, context); },
          [&](const ctl::DemoCommand& command) { return ctl::demo(loop, command, context); },
          [&](const ctl::HealthCommand& command) { return ctl::health(loop, command, context); },
          [&](const ctl::UserCommand& command) { return ctl::user(loop, command, context); },
          [&](const ctl::GroupCommand& command) { return ctl::group(loop, command, context); },
          [&](const ctl::ApiKeyCommand& command) { return ctl::api_key(loop, command, context); },
          [&](const ctl::ActionsCommand& command) { return ctl::actions(loop, command, context); },
          [&](const ctl::RunCommand& command) { return ctl::run_action(loop, command, context); },
          [&](const ctl::NewActionCommand& command) {
            return ctl::new_action(loop, command, context);
          },
      },
      chosen);
}

awaitable<void> keep_exit_code(awaitable<int> command, int& exit_code) {
  exit_code = co_await std::move(command);
}

// What was printed is out, or the exit code says that it is not. A reader that went away knows.
int with_output_written(int exit_code) {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  const int error = errno;
  if (flushed && std::ferror(stdout) == 0) return exit_code;
  if (error != EPIPE) std::fprintf(stderr, "jobctl: cannot write to standard output\n");
  return exit_code == program::exit_ok ? program::exit_failure : exit_code;
}

int run(const ctl::CommandLine& line) {
  std::vector<std::string> arguments = line.shared_arguments;
  arguments.insert(arguments.begin(), "jobctl");
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  const int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  auto body = [&](const configuration::Settings& settings) {
    const ctl::Context context{settings, line.output};
    int exit_code = program::exit_failure;
    // Told as a program tells people, not as a log.
    try {
      runtime::EventLoop loop;
      loop.run(keep_exit_code(start(loop.context(), line.command, context), exit_code));
    } catch (const runtime::Failure& failure) {
      std::fprintf(stderr, "jobctl: %s\n", failure.what());
    }
    return exit_code;
  };
  return program::run(ctl::shared_declaration(), argc, argv.data(), body);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto parsed = ctl::parse_command_line(argc, argv);
    if (const auto* answer = std::get_if<ctl::Answer>(&parsed)) {
      std::fputs(answer->text.c_str(), stdout);
      return with_output_written(program::exit_ok);
    }
    return with_output_written(run(std::get<ctl::CommandLine>(parsed)));
  } catch (const std::exception& error) {
    std::fprintf(stderr,
                 "jobctl: %s\n`jobctl --help` lists the commands, `jobctl COMMAND --help` their "
                 "options.\n",
                 error.what());
    return program::exit_usage;
  }
}
