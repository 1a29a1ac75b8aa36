#include "common/telemetry/process_metrics.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace jobengine::telemetry {

namespace {

// Fields of /proc/self/stat behind the program's name, which may hold blanks itself (proc(5)).
struct Stat {
  double cpu_ticks = 0;
  double start_ticks = 0;
  double resident_pages = 0;
};

std::optional<Stat> read_stat() {
  std::ifstream stream("/proc/self/stat");
  std::string line;
  if (!std::getline(stream, line)) return std::nullopt;
  const auto end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(end_of_name + 1));
  std::string field;
  Stat stat;
  for (int number = 3; rest >> field; ++number) {
    if (number == 14 || number == 15) stat.cpu_ticks += std::stod(field);
    if (number == 22) stat.start_ticks = std::stod(field);
    if (number == 24) {
      stat.resident_pages = std::stod(field);
      return stat;
    }
  }
  return std::nullopt;
}

std::optional<double> boot_time() {
  std::ifstream stream("/proc/stat");
  std::string word;
  while (stream >> word) {
    double seconds = 0;
    if (word == "btime" && stream >> seconds) return seconds;
  }
  return std::nullopt;
}

std::optional<double> open_descriptors() {
  std::error_code failure;
  std::filesystem::directory_iterator entry("/proc/self/fd", failure);
  double count = 0;
  for (; !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure)) {
    ++count;
  }
  if (failure) return std::nullopt;
  return count - 1;  // the listing's own
}

}  // namespace

std::vector<ProcessMetric> process_metrics() {
  std::vector<ProcessMetric> metrics;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  if (const auto stat = read_stat()) {
    metrics.push_back({"process_cpu_seconds_total", "Total user and system CPU time in seconds.",
                       true, stat->cpu_ticks / ticks});
    metrics.push_back({"process_resident_memory_bytes", "Resident memory size in bytes.", false,
                       stat->resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE))});
    if (const auto boot = boot_time()) {
      metrics.push_back({"process_start_time_seconds",
                         "Start time of the process since the Unix epoch in seconds.", false,
                         *boot + stat->start_ticks / ticks});
    }
  }
  if (const auto count = open_descriptors()) {
    metrics.push_back({"process_open_fds", "Number of open file descriptors.", false, *count});
  }
  return metrics;
}

}  // namespace jobengine::telemetry
