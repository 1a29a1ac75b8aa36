#include "common/cimi/cookies.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <vector>

#include "common/runtime/failure.hpp"

namespace jobengine::cimi {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return result;
}

std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string decoded;
  unsigned bits = 0;
  int count = 0;
  bool padding = false;
  for (const char letter : text) {
    if (std::isspace(static_cast<unsigned char>(letter)) != 0) continue;
    if (letter == '=') {
      padding = true;
      continue;
    }
    const auto value = alphabet.find(letter);
    if (value == std::string_view::npos || padding) return std::nullopt;
    bits = (bits << 6U) | static_cast<unsigned>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      decoded += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xffU);
    }
  }
  return decoded;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char letter) {
    return letter > 0x20 && letter < 0x7f &&
           std::string_view("()<>@,;:\\\"/[]?={}").find(static_cast<char>(letter)) ==
               std::string_view::npos;
  });
}

bool is_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char letter) {
    return letter < 0x20 || letter == 0x7f || letter == ';';
  });
}

// Commas also stand in dates ("Expires=Wed, 21 Oct …"): one ends a cookie only if a name and an
// equals sign follow it before the next semicolon or comma.
std::vector<std::string_view> split_cookies(std::string_view text) {
  std::vector<std::string_view> cookies;
  std::size_t start = 0;
  for (std::size_t comma = text.find(','); comma != std::string_view::npos;
       comma = text.find(',', comma + 1)) {
    const std::string_view rest = text.substr(comma + 1);
    const auto end = rest.find_first_of("=;,");
    if (end == std::string_view::npos || rest[end] != '=') continue;
    if (!is_name(trimmed(rest.substr(0, end)))) continue;
    cookies.push_back(text.substr(start, comma - start));
    start = comma + 1;
  }
  cookies.push_back(text.substr(start));
  return cookies;
}

std::pair<std::string_view, std::string_view> split_pair(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return {trimmed(text), {}};
  return {trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1))};
}

bool ends_at_once(std::string_view attributes) {
  while (!attributes.empty()) {
    const auto end = std::min(attributes.find(';'), attributes.size());
    const auto [name, value] = split_pair(attributes.substr(0, end));
    if (lower(name) == "max-age" && (value == "0" || value.starts_with('-'))) return true;
    attributes.remove_prefix(std::min(end + 1, attributes.size()));
  }
  return false;
}

}  // namespace

Cookies Cookies::from_lwp_base64(std::string_view base64) {
  const auto text = decode_base64(base64);
  if (!text || !text->starts_with("#LWP-Cookies-")) {
    throw runtime::Failure(
        "the cookies are not a base64 text of an LWP cookie file (first line #LWP-Cookies-…)");
  }
  constexpr std::string_view start = "Set-Cookie3:";
  Cookies cookies;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line.starts_with(start)) continue;
    line.remove_prefix(start.size());
    auto [name, value] = split_pair(line.substr(0, line.find(';')));
    if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) {
      value = value.substr(1, value.size() - 2);
    }
    if (is_name(name) && is_value(value)) cookies.values_[std::string(name)] = value;
  }
  if (cookies.empty()) throw runtime::Failure("the cookie file holds no cookie");
  return cookies;
}

bool Cookies::absorb(std::string_view set_cookie) {
  bool changed = false;
  for (const std::string_view cookie : split_cookies(set_cookie)) {
    const auto end = std::min(cookie.find(';'), cookie.size());
    const auto [name, value] = split_pair(cookie.substr(0, end));
    if (!is_name(name) || !is_value(value)) continue;
    if (value.empty() || value == "INVALID" || ends_at_once(cookie.substr(end))) {
      changed |= values_.erase(std::string(name)) > 0;
      continue;
    }
    std::string& kept = values_[std::string(name)];
    changed |= kept != value;
    kept = value;
  }
  return changed;
}

std::string Cookies::header() const {
  std::string text;
  for (const auto& [name, value] : values_) {
    text += (text.empty() ? "" : "; ") + name + "=" + value;
  }
  return text;
}

}  // namespace jobengine::cimi
