// Loads options as a main would, from texts.
#pragma once

#include <string>
#include <vector>

#include "common/configuration/options.hpp"

namespace jobengine::tests {

// A program with an option of each kind.
inline configuration::ProgramDeclaration sample_program() {
  using configuration::OptionDeclaration;
  using configuration::OptionKind;
  const auto option = [](std::string name, OptionKind kind, std::string default_text = "") {
    OptionDeclaration declared;
    declared.name = std::move(name);
    declared.kind = kind;
    declared.default_text = std::move(default_text);
    declared.help = "what it is for";
    return declared;
  };
  configuration::ProgramDeclaration program;
  program.name = "job-sample";
  program.description = "A program for tests.";
  program.options = {option("api-url", OptionKind::Text, "https://nuvla.io"),
                     option("slots", OptionKind::Integer, "4"),
                     option("drain-timeout", OptionKind::Duration, "2m"),
                     option("debug", OptionKind::Flag),
                     option("zk-hosts", OptionKind::TextList, "127.0.0.1:2181"),
                     option("distributions", OptionKind::Document),
                     option("api-secret", OptionKind::Text),
                     option("log-level", OptionKind::Text, "INFO")};
  program.options[1].least = 1;
  program.options[1].most = 1024;
  program.options[3].letter = 'd';
  program.options[6].secret = true;
  program.options[7].one_of = {"DEBUG", "INFO"};
  program.options[7].letter = 'l';
  program.footer = "Exit codes: 0 fine.";
  return program;
}

inline configuration::LoadResult load_with(const std::vector<std::string>& arguments,
                                           const std::vector<std::string>& environment = {}) {
  std::vector<const char*> argv = {"job-sample"};
  for (const auto& argument : arguments) argv.push_back(argument.c_str());
  std::vector<const char*> variables;
  for (const auto& variable : environment) variables.push_back(variable.c_str());
  variables.push_back(nullptr);
  return configuration::load(sample_program(), static_cast<int>(argv.size()), argv.data(),
                             variables.data());
}

// The message of the UsageError that loading ends with; "" when it succeeds.
inline std::string refusal(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment = {}) {
  try {
    load_with(arguments, environment);
    return {};
  } catch (const configuration::UsageError& failure) {
    return failure.what();
  }
}

}  // namespace jobengine::tests
