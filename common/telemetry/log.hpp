// Structured logs: text on a terminal, one JSON object a line otherwise. [any thread]
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace jobengine::telemetry {

enum class Level { Debug, Info, Warning, Error, Critical };
enum class LogFormat { Auto, Text, Json };  // Auto: Text if stderr is a terminal

struct LogOptions {
  std::string program;   // "job-executor"
  std::string instance;  // --name; "" : none
  Level level = Level::Info;
  LogFormat format = LogFormat::Auto;
};

// Call once, early in main; before it, messages go out as text.
void start_logging(const LogOptions& options);
bool logs(Level level);

// "job", "attempt", "epoch", "entry", "action", "error", … : the same name for the same thing
// everywhere.
struct Field {
  Field(std::string_view field_name, std::string_view field_value)
      : name(field_name), value(field_value) {}
  Field(std::string_view field_name, const char* field_value)
      : name(field_name), value(field_value) {}
  template <std::integral Number>
  Field(std::string_view field_name, Number number)
      : name(field_name), value(std::to_string(number)), is_number(true) {}
  std::string_view name;
  std::string value;
  bool is_number = false;
};
using Fields = std::initializer_list<Field>;

// Logs go to stderr. Never pass a secret.
void log(Level level, std::string_view message, Fields fields = {});
inline void debug(std::string_view message, Fields fields = {}) {
  log(Level::Debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  log(Level::Info, message, fields);
}
inline void warning(std::string_view message, Fields fields = {}) {
  log(Level::Warning, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  log(Level::Error, message, fields);
}

}  // namespace jobengine::telemetry
