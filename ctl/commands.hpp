// The commands of jobctl, one source file each below commands/. Each returns the exit code; results
// go to stdout, everything else to stderr. They throw Failure for what the environment does.
// `context` outlives the coroutine.
#pragma once

#include "common/configuration/options.hpp"
#include "common/runtime/asio.hpp"
#include "ctl/command.hpp"

namespace jobengine::ctl {

struct Context {
  const configuration::Settings& settings;  // the shared options
  Output output = Output::Table;
};

awaitable<int> submit(asio::io_context& loop, const SubmitCommand& command, const Context& context);
awaitable<int> list(asio::io_context& loop, const ListCommand& command, const Context& context);
awaitable<int> show(asio::io_context& loop, const ShowCommand& command, const Context& context);
awaitable<int> logs(asio::io_context& loop, const LogsCommand& command, const Context& context);
awaitable<int> cancel(asio::io_context& loop, const CancelCommand& command, const Context& context);
awaitable<int> queue(asio::io_context& loop, const QueueCommand& command, const Context& context);
awaitable<int> restore(asio::io_context& loop, const RestoreCommand& command,
                       const Context& context);
awaitable<int> dev(asio::io_context& loop, const DevCommand& command, const Context& context);
awaitable<int> demo(asio::io_context& loop, const DemoCommand& command, const Context& context);
awaitable<int> health(asio::io_context& loop, const HealthCommand& command, const Context& context);
awaitable<int> user(asio::io_context& loop, const UserCommand& command, const Context& context);
awaitable<int> group(asio::io_context& loop, const GroupCommand& command, const Context& context);
awaitable<int> api_key(asio::io_context& loop, const ApiKeyCommand& command,
                       const Context& context);
awaitable<int> actions(asio::io_context& loop, const ActionsCommand& command,
                       const Context& context);
awaitable<int> run_action(asio::io_context& loop, const RunCommand& command,
                          const Context& context);
awaitable<int> new_action(asio::io_context& loop, const NewActionCommand& command,
                          const Context& context);

}  // namespace jobengine::ctl
