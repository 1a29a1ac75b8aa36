// One option's value: what Settings holds, and how texts of every source become it.
#pragma once

#include <string>
#include <vector>

#include "common/configuration/options.hpp"

namespace jobengine::configuration {

struct Settings::Value {
  OptionKind kind = OptionKind::Text;
  bool given = false;
  std::string origin = "default";
  std::string text;
  std::int64_t integer = 0;
  std::chrono::milliseconds duration{0};
  bool flag = false;
  std::vector<std::string> list;
  std::optional<YamlNode> document;
};

// Where a text came from, for messages.
struct Source {
  std::string origin;  // what Settings::origin() says
  std::string place;   // "--slots", "environment variable JOB_SLOTS", "/etc/x.yaml:12: slots"
};

// "JOB_API_URL"; "" when the option is not read from the environment.
std::string environment_name(const OptionDeclaration& option);
// "a whole number from 1 to 1024", "one of DEBUG, INFO"
std::string expectation(const OptionDeclaration& option);

// Throws UsageError naming the place, the value (unless secret) and what was expected.
Settings::Value value_of(const OptionDeclaration& option, const std::vector<std::string>& texts,
                         const Source& source);
// The elements of a list in an environment variable or a default: comma- or blank-separated.
std::vector<std::string> split_list(std::string_view text);

}  // namespace jobengine::configuration
