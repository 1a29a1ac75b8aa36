#include "executor/hosts/host_environment.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace jobengine::executor {

namespace {

bool is_secret(std::string_view name) {
  if (!name.starts_with("JOB_")) return false;
  if (name.starts_with("JOB_API_")) return true;
  constexpr std::array words = {"PASS", "SECRET", "KEY", "TOKEN", "COOKIES", "CREDENTIAL"};
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return name.find(word) != std::string_view::npos;
  });
}

}  // namespace

std::vector<std::string> host_environment(
    const char* const* environment,
    const std::vector<std::pair<std::string, std::string>>& additions) {
  std::vector<std::string> result;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const std::string_view name = variable.substr(0, variable.find('='));
    const bool replaced = std::any_of(additions.begin(), additions.end(),
                                      [&](const auto& addition) { return addition.first == name; });
    if (!replaced && !is_secret(name)) result.emplace_back(variable);
  }
  for (const auto& [name, value] : additions) result.push_back(name + "=" + value);
  return result;
}

}  // namespace jobengine::executor
