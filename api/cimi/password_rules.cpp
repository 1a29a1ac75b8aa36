#include "api/cimi/password_rules.hpp"

#include <algorithm>

namespace jobengine::api::cimi {
namespace {

constexpr std::size_t longest_username = 100;
constexpr std::size_t shortest_password = 8;
constexpr std::size_t longest_password = 1024;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

}  // namespace

std::string username_error(const std::string& username) {
  if (username.empty() || username.size() > longest_username) {
    return "expected 1 to " + std::to_string(longest_username) + " characters";
  }
  const bool odd = std::any_of(username.begin(), username.end(), [](char c) {
    const auto value = static_cast<unsigned char>(c);
    return value <= ' ' || value == 127 || c == '\'' || c == '"' || c == '/';
  });
  return odd ? "expected neither blanks, quotes, slashes nor control characters" : "";
}

std::string password_error(const std::string& password, const std::string& username) {
  if (password.size() < shortest_password) {
    return "too short, expected at least " + std::to_string(shortest_password) + " characters";
  }
  if (password.size() > longest_password) {
    return "too long, expected at most " + std::to_string(longest_password) + " bytes";
  }
  const bool one_character = password.find_first_not_of(password.front()) == std::string::npos;
  if (one_character) return "too easy to guess: one character over and over";
  if (lower(password) == lower(username)) return "too easy to guess: it is the name of the user";
  return {};
}

}  // namespace jobengine::api::cimi
