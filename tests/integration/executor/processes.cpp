#include "tests/integration/executor/processes.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace jobengine::tests {

namespace {

// Calls `take` with the name of each line and a stream of what follows it.
template <typename Take>
void read_status(const std::string& process, Take take) {
  std::ifstream file("/proc/" + process + "/status");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::istringstream rest(line.substr(colon + 1));
    take(line.substr(0, colon), rest);
  }
}

}  // namespace

std::vector<ProcessRow> all_processes() {
  std::vector<ProcessRow> rows;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string number = entry.path().filename().string();
    const bool is_process =
        std::all_of(number.begin(), number.end(), [](unsigned char c) { return std::isdigit(c); });
    if (!is_process) continue;
    ProcessRow row;
    read_status(number, [&row](const std::string& name, std::istream& value) {
      if (name == "Name") value >> row.name;
      if (name == "State") value >> row.state;
      if (name == "Pid") value >> row.pid;
      if (name == "PPid") value >> row.parent;
      if (name == "Uid") value >> row.user;
    });
    if (row.pid != 0) rows.push_back(std::move(row));
  }
  return rows;
}

long memory_of(pid_t process, const std::string& line) {
  long kilobytes = 0;
  read_status(std::to_string(process), [&](const std::string& name, std::istream& value) {
    if (name == line) value >> kilobytes;
  });
  return kilobytes;
}

}  // namespace jobengine::tests
