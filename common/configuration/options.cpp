#include "common/configuration/options.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "common/configuration/command_line.hpp"
#include "common/configuration/help_text.hpp"
#include "common/configuration/option_value.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::configuration {

namespace {

std::string file_variant(const OptionDeclaration& option) {
  return option.name + "-file";
}

OptionDeclaration file_option(const OptionDeclaration& option) {
  OptionDeclaration file;
  file.name = file_variant(option);
  file.placeholder = "FILE";
  file.help = "file that holds --" + option.name;
  const std::string variable = environment_name(option);
  file.environment = variable.empty() ? "-" : variable + "_FILE";
  return file;
}

// The declared options, the variants for secrets, and what every program has.
std::vector<OptionDeclaration> all_options(const ProgramDeclaration& program) {
  std::vector<OptionDeclaration> all;
  for (const auto& option : program.options) {
    all.push_back(option);
    if (option.secret) all.push_back(file_option(option));
  }
  OptionDeclaration config;
  config.name = "config";
  config.placeholder = "FILE";
  config.help = "YAML file with any of these options as keys";
  OptionDeclaration help;
  help.name = "help";
  help.letter = 'h';
  help.kind = OptionKind::Flag;
  help.help = "print this and exit";
  help.environment = "-";
  OptionDeclaration version = help;
  version.name = "version";
  version.letter = 0;
  version.help = "print the version and exit";
  all.insert(all.end(), {config, help, version});
  std::set<std::string> names;
  for (const auto& option : all) {
    JE_CHECK(names.insert(option.name).second, "every option is declared once");
  }
  return all;
}

std::optional<std::string> variable(const char* const* environment, const std::string& name) {
  if (name.empty() || environment == nullptr) return std::nullopt;
  for (const char* const* entry = environment; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.size() > name.size() + 1 && text.starts_with(name) && text[name.size()] == '=') {
      return std::string(text.substr(name.size() + 1));
    }
  }
  return std::nullopt;
}

std::string read_secret(const std::string& file, const Source& source) {
  std::error_code ignored;
  const bool directory = std::filesystem::is_directory(file, ignored);
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream content;
  if (stream && !directory) content << stream.rdbuf();
  if (!stream.is_open() || stream.bad() || directory) {
    const std::string reason = directory ? "it is a directory" : std::strerror(errno);
    throw UsageError(source.place + ": the file \"" + file + "\" cannot be read: " + reason);
  }
  std::string secret = content.str();
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.ends_with('\r')) secret.pop_back();
  if (secret.empty()) throw UsageError(source.place + ": the file \"" + file + "\" is empty");
  return secret;
}

// The texts of one source, if it has the option.
struct Given {
  std::vector<std::string> texts;
  Source source;
};

class Loader {
 public:
  Loader(std::vector<OptionDeclaration> options, CommandLine line, const char* const* environment)
      : options_(std::move(options)), line_(std::move(line)), environment_(environment) {}

  Settings load() {
    read_file();
    std::map<std::string, Settings::Value, std::less<>> values;
    for (const auto& option : options_) values.emplace(option.name, value(option));
    return Settings(std::move(values));
  }

 private:
  using Reader = std::optional<Given> (Loader::*)(const OptionDeclaration&) const;

  void read_file() {
    const auto config = std::find_if(options_.begin(), options_.end(),
                                     [](const auto& option) { return option.name == "config"; });
    auto given = from_command_line(*config);
    if (!given) given = from_environment(*config);
    if (!given) return;
    try {
      YamlNode document = read_yaml_file(given->texts.back());
      if (document.is_null()) return;
      std::vector<std::string> keys;
      for (const auto& option : options_) {
        if (option.name != "config" && option.name != "help" && option.name != "version") {
          keys.push_back(option.name);
        }
      }
      document.expect_keys(keys);
      file_ = std::move(document);
    } catch (const YamlError& failure) {
      throw UsageError(failure.what());
    }
  }

  Settings::Value value(const OptionDeclaration& option) const {
    if (option.kind == OptionKind::Document) return document(option);
    for (Reader reader :
         {&Loader::from_command_line, &Loader::from_environment, &Loader::from_file}) {
      auto direct = (this->*reader)(option);
      if (option.secret) {
        auto in_file = (this->*reader)(file_option(option));
        if (direct && in_file) {
          throw UsageError(in_file->source.place + ": cannot be given together with " +
                           direct->source.place);
        }
        if (in_file) {
          in_file->texts = {read_secret(in_file->texts.back(), in_file->source)};
          direct = std::move(in_file);
        }
      }
      if (!direct) continue;
      // A file is right or wrong as a whole, also where something else counts more.
      if (const auto in_file = from_file(option)) {
        static_cast<void>(value_of(option, in_file->texts, in_file->source));
      }
      return value_of(option, direct->texts, direct->source);
    }
    return default_value(option);
  }

  static Settings::Value default_value(const OptionDeclaration& option) {
    Settings::Value value;
    value.kind = option.kind;
    if (!option.default_text.empty()) {
      std::vector<std::string> texts{option.default_text};
      if (option.kind == OptionKind::TextList) texts = split_list(option.default_text);
      value = value_of(option, texts, Source{"default", "the default of --" + option.name});
      value.given = false;
    }
    return value;
  }

  Settings::Value document(const OptionDeclaration& option) const {
    Settings::Value value;
    value.kind = option.kind;
    if (!file_ || !file_->has(option.name)) return value;
    value.document = file_->at(option.name);
    value.origin = value.document->where();
    value.given = true;
    return value;
  }

  std::optional<Given> from_command_line(const OptionDeclaration& option) const {
    const auto found = line_.find(option.name);
    if (found == line_.end()) return std::nullopt;
    return Given{found->second, Source{"command line", "--" + option.name}};
  }

  std::optional<Given> from_environment(const OptionDeclaration& option) const {
    const std::string name = environment_name(option);
    const auto text = variable(environment_, name);
    if (!text) return std::nullopt;
    const std::string place = "environment variable " + name;
    std::vector<std::string> texts{*text};
    if (option.kind == OptionKind::TextList) texts = split_list(*text);
    return Given{std::move(texts), Source{place, place}};
  }

  std::optional<Given> from_file(const OptionDeclaration& option) const {
    if (!file_ || !file_->has(option.name)) return std::nullopt;
    const YamlNode node = file_->at(option.name);
    const Source source{node.where(), node.where() + ": " + option.name};
    std::vector<std::string> texts;
    const bool list = option.kind == OptionKind::TextList && node.is_list();
    for (const YamlNode& item : list ? node.items() : std::vector<YamlNode>{node}) {
      if (!item.is_scalar()) {
        const std::string what = item.is_map() ? "a map" : item.is_list() ? "a list" : "nothing";
        throw UsageError(source.place + ": " + what + " is not accepted; expected " +
                         expectation(option));
      }
      texts.push_back(item.text());
    }
    return Given{std::move(texts), source};
  }

  std::vector<OptionDeclaration> options_;
  CommandLine line_;
  const char* const* environment_;
  std::optional<YamlNode> file_;
};

}  // namespace

LoadResult load(const ProgramDeclaration& program, int argc, const char* const* argv,
                const char* const* environment) {
  const std::vector<OptionDeclaration> options = all_options(program);
  CommandLine line = read_command_line(options, argc, argv);
  LoadResult result;
  if (line.contains("help")) {
    result.answer = HelpOrVersion{help_text(program, options)};
  } else if (line.contains("version")) {
    result.answer = HelpOrVersion{program.name + " " JE_VERSION "\n"};
  } else {
    result.settings.emplace(Loader(options, std::move(line), environment).load());
  }
  return result;
}

}  // namespace jobengine::configuration
