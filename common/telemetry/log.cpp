#include "common/telemetry/log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <mutex>
#include <nlohmann/json.hpp>

namespace jobengine::telemetry {

namespace {

// spdlog does the writing, whole lines from any thread; the lines are ours.
struct Output {
  std::shared_ptr<spdlog::logger> logger;
  std::string program;
  std::string instance;
  bool json = false;
};

std::shared_ptr<const Output> make_output(const LogOptions& options) {
  auto output = std::make_shared<Output>();
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  output->logger = std::make_shared<spdlog::logger>("", std::move(sink));
  output->logger->set_pattern("%v");
  output->logger->set_level(spdlog::level::trace);
  output->logger->flush_on(spdlog::level::trace);
  // A full or closed stderr must not end the program, nor talk about itself on it.
  output->logger->set_error_handler([](const std::string&) {});
  output->program = options.program;
  output->instance = options.instance;
  output->json = options.format == LogFormat::Json ||
                 (options.format == LogFormat::Auto && ::isatty(STDERR_FILENO) == 0);
  return output;
}

LogOptions text_options() {
  LogOptions options;
  options.format = LogFormat::Text;
  return options;
}

// Replaced as a whole by start_logging(); readers keep the one they have.
std::shared_ptr<const Output>& output_slot() {
  static std::shared_ptr<const Output> slot = make_output(text_options());
  return slot;
}
std::mutex& output_mutex() {
  static std::mutex mutex;
  return mutex;
}
std::shared_ptr<const Output> current_output() {
  const std::lock_guard guard(output_mutex());
  return output_slot();
}

std::atomic<Level> lowest_level{Level::Info};

std::string_view name_of(Level level) {
  switch (level) {
    case Level::Debug:
      return "DEBUG";
    case Level::Info:
      return "INFO";
    case Level::Warning:
      return "WARNING";
    case Level::Error:
      return "ERROR";
    case Level::Critical:
      return "CRITICAL";
  }
  return "";
}

// UTC: "2026-11-21<between>00:00:00.123"
std::string time_text(char between) {
  const auto now = std::chrono::system_clock::now();
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}.{:03}", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, between, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     milliseconds);
}

// One line whatever is in it, and nothing a terminal would obey.
void append_harmless(std::string& line, std::string_view text, bool in_quotes) {
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '\n') {
      line += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      if (in_quotes && (letter == '"' || letter == '\\')) line += '\\';
      line += letter;
    }
  }
}

std::string text_line(Level level, std::string_view message, Fields fields) {
  std::string line = fmt::format("{} {:<8} ", time_text(' '), name_of(level));
  append_harmless(line, message, false);
  for (const Field& field : fields) {
    line += fmt::format(" {}=", field.name);
    const bool bare =
        !field.value.empty() && field.value.find_first_of(" \"=\\\t\r\n") == std::string::npos;
    if (!bare) line += '"';
    append_harmless(line, field.value, !bare);
    if (!bare) line += '"';
  }
  return line;
}

std::string json_line(const Output& output, Level level, std::string_view message, Fields fields) {
  nlohmann::ordered_json object;
  object["ts"] = time_text('T') + "Z";
  object["level"] = name_of(level);
  if (!output.program.empty()) object["program"] = output.program;
  if (!output.instance.empty()) object["name"] = output.instance;
  object["message"] = message;
  for (const Field& field : fields) {
    // The line's own names stay what they are.
    std::string key(field.name);
    while (object.contains(key)) key += '_';
    auto& value = object[key];
    value = field.value;
    if (field.is_number) {
      const auto number = nlohmann::ordered_json::parse(field.value, nullptr, false);
      if (number.is_number()) value = number;
    }
  }
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::Debug:
      return spdlog::level::debug;
    case Level::Info:
      return spdlog::level::info;
    case Level::Warning:
      return spdlog::level::warn;
    case Level::Error:
      return spdlog::level::err;
    case Level::Critical:
      return spdlog::level::critical;
  }
  return spdlog::level::info;
}

}  // namespace

void start_logging(const LogOptions& options) {
  auto output = make_output(options);
  const std::lock_guard guard(output_mutex());
  output_slot() = std::move(output);
  lowest_level = options.level;
}

bool logs(Level level) {
  return level >= lowest_level.load();
}

void log(Level level, std::string_view message, Fields fields) {
  if (!logs(level)) return;
  const auto output = current_output();
  const std::string line =
      output->json ? json_line(*output, level, message, fields) : text_line(level, message, fields);
  output->logger->log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace jobengine::telemetry
