// Declared options of a program, and their values: command line over environment over YAML file
// over defaults.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/configuration/duration_text.hpp"
#include "common/configuration/yaml_document.hpp"

namespace jobengine::configuration {

// Wrong use of a program: main prints it with a hint to --help and exits with 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class OptionKind {
  Text,
  Integer,
  Duration,  // "90s", "5m", "2h", "1d", "250ms"; a bare number is seconds
  Flag,      // no value on the command line; true/false, yes/no, 1/0 elsewhere
  TextList,  // one or more values after the option; comma- or blank-separated in the environment; a
             // YAML list
  Document,  // YAML file only: a map or list the program reads itself (Settings::document)
};

struct OptionDeclaration {
  std::string name;  // "api-url": --api-url, YAML key api-url, environment JOB_API_URL
  OptionKind kind = OptionKind::Text;
  std::string default_text;  // as it would be written; "" : none
  std::string help;
  std::string placeholder;  // "URL"
  // Value never shown, not even in errors. Also readable from a file (one trailing line end is
  // dropped): --<name>-file, the YAML key <name>-file, the environment variable with _FILE behind.
  bool secret = false;
  char letter = 0;                          // -l
  std::string environment;                  // another name than the derived one; "-": none
  std::optional<std::int64_t> least, most;  // Integer
  // Text: the only values accepted, in any case; the value is then in the spelling given here.
  std::vector<std::string> one_of;
};

struct ProgramDeclaration {
  std::string name;         // "job-executor"
  std::string description;  // first paragraph of --help
  std::vector<OptionDeclaration> options;
  std::string footer;  // exit codes, examples; end of --help
};

// The values. Accessors check (JE_CHECK) that the option was declared with that kind.
class Settings {
 public:
  const std::string& text(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  std::chrono::milliseconds duration(std::string_view name) const;
  bool flag(std::string_view name) const;
  const std::vector<std::string>& list(std::string_view name) const;
  // Given anywhere but by default?
  bool given(std::string_view name) const;
  // "command line", "environment variable JOB_X", "/etc/x.yaml:12", "default": for messages.
  const std::string& origin(std::string_view name) const;
  // The file's map or list under a Document option; nothing when absent.
  std::optional<YamlNode> document(std::string_view name) const;

  struct Value;
  explicit Settings(std::map<std::string, Value, std::less<>> values);
  Settings(Settings&&) noexcept;
  ~Settings();

 private:
  const Value& at(std::string_view name, OptionKind kind) const;
  std::map<std::string, Value, std::less<>> values_;
};

// What `argv` asked for instead of running.
struct HelpOrVersion {
  std::string text;  // for stdout; exit 0
};

// Reads everything. Adds --help, --version and --config FILE (also JOB_CONFIG) to the declaration.
// An option given twice: the last one counts, lists add up. An empty environment variable is as
// good as none. Throws UsageError that names where the bad value stands (option, variable, or
// file:line), the value and what was expected; an unknown option or key comes with the nearest
// known one. `environment`: as in main's third argument.
struct LoadResult {
  std::optional<HelpOrVersion> answer;
  std::optional<Settings> settings;  // set unless `answer` is
};
LoadResult load(const ProgramDeclaration& program, int argc, const char* const* argv,
                const char* const* environment);

struct HostAndPort {
  std::string host;
  std::uint16_t port = 0;
};
// "127.0.0.1:8200", "[::1]:80", "host:0". Throws UsageError naming `what` for anything else.
HostAndPort parse_host_and_port(std::string_view text, std::string_view what);

}  // namespace jobengine::configuration
