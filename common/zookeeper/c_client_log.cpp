#include "common/zookeeper/c_client_log.hpp"

#include <chrono>
#include <cstdio>
#include <mutex>

namespace jobengine::zookeeper {

namespace {

void write_to_stderr(const std::string& line) {
  std::fprintf(stderr, "ZooKeeper client: %s\n", line.c_str());
}

// A mutex because the library logs from several threads of its own.
struct ClientLog {
  std::mutex mutex;
  std::function<void(const std::string&)> write = write_to_stderr;
  std::string last;
  std::chrono::steady_clock::time_point last_written;
};

ClientLog& client_log() {
  static ClientLog* log = new ClientLog;  // its threads may outlive static objects
  return *log;
}

// "2026-01-01 00:00:00,000:pid:ZOO_ERROR@function@line: text" → "text"
std::string without_prefix(const std::string& message) {
  const auto level = message.find(":ZOO_");
  const auto start = level == std::string::npos ? level : message.find(": ", level + 1);
  return start == std::string::npos ? message : message.substr(start + 2);
}

}  // namespace

void set_client_log(std::function<void(const std::string&)> write) {
  ClientLog& log = client_log();
  const std::lock_guard guard(log.mutex);
  log.write = std::move(write);
}

void write_client_log(const char* message) {
  constexpr auto repetition = std::chrono::seconds(30);
  const std::string line = without_prefix(message);
  ClientLog& log = client_log();
  const std::lock_guard guard(log.mutex);
  const auto now = std::chrono::steady_clock::now();
  if (line == log.last && now - log.last_written < repetition) return;
  log.last = line;
  log.last_written = now;
  if (log.write) log.write(line);
}

}  // namespace jobengine::zookeeper
