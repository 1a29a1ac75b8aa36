// jobctl run: hands what is asked for to job-action-run, which takes this process' place.
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/runtime/failure.hpp"
#include "ctl/commands.hpp"

namespace jobengine::ctl {

namespace {

using runtime::Failure;

std::string request_of(const RunCommand& command, Output output) {
  nlohmann::json request;
  request["plugin"] = std::filesystem::absolute(command.plugin).string();
  request["action"] = command.action;
  request["payload"] = command.payload;
  request["target"] = command.target;
  request["attempt"] = command.attempt;
  request["checkpoint"] = command.checkpoint;
  request["timeout"] = command.timeout.count();
  request["json"] = output == Output::Json;
  if (!command.answers.empty()) request["answers"] = nlohmann::json::parse(command.answers);
  return request.dump();
}

// A file in memory: a pipe would hold only so much before somebody reads it.
void become_standard_input(const std::string& text) {
  const int file = ::memfd_create("request", 0);
  if (file < 0) throw Failure(std::string("no file in memory: ") + std::strerror(errno));
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t size = ::write(file, text.data() + written, text.size() - written);
    if (size < 0) throw Failure(std::string("no memory for the request: ") + std::strerror(errno));
    written += static_cast<std::size_t>(size);
  }
  ::lseek(file, 0, SEEK_SET);
  ::dup2(file, STDIN_FILENO);
  ::close(file);
}

}  // namespace

awaitable<int> run_action([[maybe_unused]] asio::io_context& loop, const RunCommand& command,
                          const Context& context) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(command.plugin, error)) {
    throw Failure("there is no file " + command.plugin);
  }
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  std::string program = (self.parent_path() / "job-action-run").string();
  become_standard_input(request_of(command, context.output));
  char* const arguments[] = {program.data(), nullptr};
  ::execv(program.c_str(), arguments);
  throw Failure(program + " cannot be started: " + std::strerror(errno));
  co_return 0;
}

}  // namespace jobengine::ctl
