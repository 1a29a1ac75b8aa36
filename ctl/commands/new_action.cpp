// jobctl actions new: writes a project from the templates of the SDK, which are compiled in.
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "common/program/program.hpp"
#include "common/runtime/failure.hpp"
#include "ctl/action_templates.hpp"
#include "ctl/commands.hpp"

namespace jobengine::ctl {

namespace {

namespace fs = std::filesystem;
using runtime::Failure;
using Language = NewActionCommand::Language;

std::string_view folder_of(Language language) {
  switch (language) {
    case Language::Cpp:
      return "cpp";
    case Language::Python:
      return "python";
    case Language::Shell:
      return "sh";
  }
  JE_CHECK(false, "a known language");
}

// "resize_image" → "ResizeImage"
std::string class_name(const std::string& action) {
  std::string name;
  bool upper = true;
  for (const char c : action) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) == 0) {
      upper = true;
      continue;
    }
    name += upper ? static_cast<char>(std::toupper(byte)) : c;
    upper = false;
  }
  return name;
}

std::string filled_in(std::string_view text, const std::string& action) {
  const std::pair<std::string_view, std::string> fields[] = {{"@action@", action},
                                                             {"@Class@", class_name(action)}};
  std::string result;
  while (!text.empty()) {
    bool replaced = false;
    for (const auto& [field, value] : fields) {
      if (!text.starts_with(field)) continue;
      result += value;
      text.remove_prefix(field.size());
      replaced = true;
    }
    if (replaced) continue;
    result += text.front();
    text.remove_prefix(1);
  }
  return result;
}

void write_file(const fs::path& path, const ActionTemplate& file, const std::string& action) {
  fs::create_directories(path.parent_path());
  std::ofstream stream(path, std::ios::binary);
  stream << filled_in(file.text, action);
  stream.close();
  if (!stream) throw Failure(path.string() + " cannot be written");
  if (!file.executable) return;
  fs::permissions(path, fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec,
                  fs::perm_options::add);
}

void write_project(const fs::path& directory, Language language, const std::string& action) {
  const std::string_view folder = folder_of(language);
  for (const ActionTemplate& file : action_templates()) {
    if (!file.path.starts_with(std::string(folder) + "/")) continue;
    const std::string path = filled_in(file.path.substr(folder.size() + 1), action);
    write_file(directory / path, file, action);
    std::printf("  %s\n", path.c_str());
  }
}

}  // namespace

awaitable<int> new_action([[maybe_unused]] asio::io_context& loop, const NewActionCommand& command,
                          [[maybe_unused]] const Context& context) {
  const fs::path directory = fs::absolute(command.directory).lexically_normal();
  std::error_code error;
  if (fs::exists(fs::symlink_status(directory, error))) {
    throw Failure(command.directory + " is there already; nothing was written");
  }
  // Renamed at the end: a project that is there is whole.
  const fs::path unfinished = directory.string() + ".unfinished-" + std::to_string(::getpid());
  std::printf("%s\n", command.directory.c_str());
  try {
    write_project(unfinished, command.language, command.name);
    fs::rename(unfinished, directory);
  } catch (const std::exception& failure) {
    fs::remove_all(unfinished, error);
    throw Failure("the project cannot be written: " + std::string(failure.what()));
  }
  std::printf("\nREADME.md in there says how it is built, tried, tested and deployed.\n");
  co_return program::exit_ok;
}

}  // namespace jobengine::ctl
