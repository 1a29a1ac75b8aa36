// The command line, split into options and their texts. CLI11 is behind it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/configuration/options.hpp"

namespace jobengine::configuration {

// Option name → the texts given, in order; a flag's is "true". Throws UsageError for what is not
// declared and for an option without its value.
using CommandLine = std::map<std::string, std::vector<std::string>, std::less<>>;
CommandLine read_command_line(const std::vector<OptionDeclaration>& options, int argc,
                              const char* const* argv);

}  // namespace jobengine::configuration
