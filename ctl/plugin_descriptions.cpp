#include "ctl/plugin_descriptions.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/runtime/child_process.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::ctl {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using runtime::Failure;

constexpr auto describe_limit = std::chrono::seconds(20);

// A file in memory, for what a child prints: nobody has to read it meanwhile.
class PrintedText {
 public:
  PrintedText() : descriptor_(::memfd_create("printed", MFD_CLOEXEC)) {
    if (descriptor_ < 0) throw Failure(std::string("no file in memory: ") + std::strerror(errno));
  }
  ~PrintedText() { ::close(descriptor_); }
  PrintedText(const PrintedText&) = delete;
  PrintedText& operator=(const PrintedText&) = delete;
  int descriptor() const { return descriptor_; }
  std::string text() const {
    std::string result(static_cast<std::size_t>(::lseek(descriptor_, 0, SEEK_END)), '\0');
    const ssize_t size = ::pread(descriptor_, result.data(), result.size(), 0);
    result.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return result;
  }

 private:
  int descriptor_;
};

void add_files(const fs::path& folder, bool with_subfolders, std::vector<std::string>& files) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    if (name.starts_with('.')) continue;
    if (name.ends_with(".so") || name.ends_with(".action.yaml")) {
      files.push_back(it->path().string());
    } else if (with_subfolders && it->is_directory(ignored)) {
      add_files(it->path(), false, files);
    }
  }
  if (error && with_subfolders) {
    throw Failure("the directory " + folder.string() + " cannot be read: " + error.message());
  }
}

// What jobctl was told is no business of a plugin.
std::vector<std::string> environment_of_plugins() {
  std::vector<std::string> result;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (!text.starts_with("JOB_")) result.emplace_back(text);
  }
  return result;
}

void add_answer(const std::string& file, const std::string& answer, json& report) {
  std::istringstream lines(answer);
  for (std::string line; std::getline(lines, line);) {
    json said = json::parse(line, nullptr, false);
    if (!said.is_object()) throw Failure("job-action-host said what makes no sense: " + line);
    if (said.contains("refused")) throw Failure(said["refused"].get<std::string>());
    if (said.contains("warning")) {
      report["warnings"].push_back({{"file", file}, {"warning", said["warning"]}});
      continue;
    }
    const std::string name = said.value("name", "");
    report["actions"].push_back({{"name", name}, {"manifest", std::move(said)}, {"file", file}});
  }
}

awaitable<void> describe(asio::io_context& loop, std::string program, std::string file,
                         json& report) {
  const PrintedText answer;
  const PrintedText printed;
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  runtime::SpawnRequest request;
  request.argv = {std::move(program), "--describe", file};
  request.environment = environment_of_plugins();
  request.descriptors = {{nothing, 0}, {answer.descriptor(), 1}, {printed.descriptor(), 2}};
  request.new_session = true;
  request.parent_death_signal = SIGKILL;
  auto child = runtime::ChildProcess::spawn(loop, request);
  ::close(nothing);
  const bool in_time = co_await child.exited().wait_for(describe_limit);
  if (!in_time) child.signal_group(SIGKILL);
  co_await child.exited().wait();
  std::string refused;
  try {
    const std::size_t before = report["actions"].size();
    if (in_time) add_answer(file, answer.text(), report);
    if (!in_time) refused = "did not finish loading within 20 s";
    if (in_time && report["actions"].size() == before) {
      refused = "a process that loads it is " + child.status().text();
      const std::string words = printed.text();
      if (!words.empty()) refused += "; it printed: " + words;
    }
  } catch (const Failure& failure) {
    refused = failure.what();
  }
  if (!refused.empty()) report["refused"].push_back({{"file", file}, {"reason", refused}});
}

}  // namespace

awaitable<json> describe_directory(asio::io_context& loop, std::string directory) {
  const fs::path self = fs::read_symlink("/proc/self/exe");
  const std::string program = (self.parent_path() / "job-action-host").string();
  std::vector<std::string> files;
  add_files(directory, true, files);
  std::sort(files.begin(), files.end());
  json report = {
      {"actions", json::array()}, {"refused", json::array()}, {"warnings", json::array()}};
  for (const std::string& file : files) co_await describe(loop, program, file, report);
  co_return report;
}

}  // namespace jobengine::ctl
