// jobctl health: for health checks of containers, which have no curl.
#include <cstdio>

#include "common/program/program.hpp"
#include "common/runtime/failure.hpp"
#include "ctl/commands.hpp"
#include "ctl/development/http_probe.hpp"

namespace jobengine::ctl {

awaitable<int> health([[maybe_unused]] asio::io_context& loop, const HealthCommand& command,
                      [[maybe_unused]] const Context& context) {
  const std::string path = command.ready ? "/readyz" : "/healthz";
  const auto port = static_cast<std::uint16_t>(command.port);
  const auto reply = co_await development::probe(command.address, port, path, command.timeout);
  constexpr int http_ok = 200;
  if (reply.status != http_ok) {
    throw runtime::Failure(command.address + ":" + std::to_string(port) + path + ": " +
                           (reply.status == 0 ? "" : std::to_string(reply.status) + " ") +
                           reply.text);
  }
  std::printf("%s\n", reply.text.c_str());
  co_return program::exit_ok;
}

}  // namespace jobengine::ctl
