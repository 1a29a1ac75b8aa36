#include "common/configuration/command_line.hpp"

#include <CLI/CLI.hpp>

#include "common/configuration/nearest_name.hpp"
#include "common/configuration/option_value.hpp"

namespace jobengine::configuration {

namespace {

// Stands for the value that should have followed; no argument can hold a NUL.
const std::string no_value(1, '\0');
constexpr int any_number = 100'000;

CLI::Option* declare(CLI::App& app, const OptionDeclaration& option) {
  std::string names = "--" + option.name;
  if (option.letter != 0) names = std::string("-") + option.letter + "," + names;
  if (option.kind == OptionKind::Flag) return app.add_flag(names);
  CLI::Option* declared = app.add_option(names);
  const bool list = option.kind == OptionKind::TextList;
  // No value at all is our complaint to make, not CLI11's: hence the least is 0.
  declared->expected(0, list ? any_number : 1)->default_str(no_value);
  declared->multi_option_policy(list ? CLI::MultiOptionPolicy::TakeAll
                                     : CLI::MultiOptionPolicy::TakeLast);
  return declared;
}

[[noreturn]] void refuse_extra(const std::vector<OptionDeclaration>& options,
                               const std::string& extra) {
  if (!extra.starts_with('-') || extra == "--" || extra == "-") {
    throw UsageError("unexpected argument \"" + extra + "\"");
  }
  const std::string given = extra.substr(0, extra.find('='));
  std::vector<std::string> known;
  for (const auto& option : options) known.push_back("--" + option.name);
  const std::string nearest = given.starts_with("--") ? nearest_name(given, known) : "";
  throw UsageError("unknown option " + given +
                   (nearest.empty() ? "" : "; did you mean " + nearest + "?"));
}

}  // namespace

CommandLine read_command_line(const std::vector<OptionDeclaration>& options, int argc,
                              const char* const* argv) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<CLI::Option*> declared;
  for (const auto& option : options) {
    declared.push_back(option.kind == OptionKind::Document ? nullptr : declare(app, option));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& failure) {
    throw UsageError(failure.what());
  }
  if (const auto extras = app.remaining(); !extras.empty()) refuse_extra(options, extras.front());

  CommandLine line;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (declared[i] == nullptr || declared[i]->count() == 0) continue;
    const std::vector<std::string> texts = declared[i]->results();
    for (const std::string& text : texts) {
      if (text != no_value) continue;
      throw UsageError("option --" + options[i].name +
                       " needs a value: " + expectation(options[i]));
    }
    line[options[i].name] = texts;
  }
  return line;
}

}  // namespace jobengine::configuration
