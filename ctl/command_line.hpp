// The command line of jobctl, parsed and checked. CLI11 stays behind it; what the programs share
// (API, ZooKeeper, logging) is declared once in common/program and read by common/configuration.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "common/configuration/options.hpp"
#include "ctl/command.hpp"

namespace jobengine::ctl {

struct CommandLine {
  Command command;
  Output output = Output::Table;
  // The shared options as they were written, for program::run with shared_declaration().
  std::vector<std::string> shared_arguments;
};

// What --help and --version ask for.
struct Answer {
  std::string text;
};

// The options all commands share: those of common/program, with jobctl's defaults.
configuration::ProgramDeclaration shared_declaration();

// Throws UsageError for anything that is not understood. The values of shared options are checked
// later, by configuration::load.
std::variant<CommandLine, Answer> parse_command_line(int argc, const char* const* argv);

}  // namespace jobengine::ctl
