#include "ctl/payload.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/configuration/options.hpp"
#include "common/job/job.hpp"

namespace jobengine::ctl {

namespace {

using configuration::UsageError;

// More than any API takes; and a device may never end.
constexpr std::size_t most_bytes = 64UL * 1024 * 1024;

std::string read_all(std::istream& stream, const std::string& option) {
  std::string text;
  std::string part(64UL * 1024, '\0');
  while (stream.read(part.data(), static_cast<std::streamsize>(part.size())), stream.gcount() > 0) {
    text.append(part, 0, static_cast<std::size_t>(stream.gcount()));
    if (text.size() > most_bytes) {
      throw UsageError(option + ": there are more than " + std::to_string(most_bytes) + " bytes");
    }
  }
  return text;
}

std::string read_file(const std::string& name, const std::string& option) {
  std::error_code ignored;
  const bool directory = std::filesystem::is_directory(name, ignored);
  errno = 0;
  std::ifstream file(name, std::ios::binary);
  if (!file || directory) {
    throw UsageError(option + ": cannot read " + name + ": " +
                     (directory ? "it is a directory" : std::strerror(errno)));
  }
  return read_all(file, option);
}

std::string without_blanks_around(const std::string& text) {
  const char* blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace

std::string read_payload(const std::string& argument) {
  return read_json(argument, "--payload");
}

std::string read_json(const std::string& argument, const std::string& option) {
  std::string origin = "the text given";
  std::string text = argument;
  if (argument == "-") {
    origin = "standard input";
    text = read_all(std::cin, option);
  } else if (argument == "@") {
    throw UsageError(option + ": the name of a file is missing behind @");
  } else if (argument.starts_with('@')) {
    origin = argument.substr(1);
    text = read_file(origin, option);
  }
  text = without_blanks_around(text);
  if (text.empty()) throw UsageError(option + ": " + origin + " is empty; expected JSON");
  try {
    [[maybe_unused]] const auto parsed = nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    const std::string what = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: …"
    const auto start = what.find("] ");
    throw UsageError(option + ": " + origin + " is not JSON: " +
                     (start == std::string::npos ? what : what.substr(start + 2)));
  }
  return text;
}

std::string job_id(const std::string& argument) {
  const std::string id = argument.starts_with("job/") ? argument : "job/" + argument;
  if (!job::is_job_id(id)) {
    throw UsageError("'" + argument + "' is not the id of a job; expected job/<uuid> or <uuid>");
  }
  return id;
}

}  // namespace jobengine::ctl
