#include "api/cimi/document_text.hpp"

#include <algorithm>

#include "api/notation/notation.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

// Where the string that begins at `at` ends: behind its closing quote. npos: never.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

// Where the value that begins at `at` ends: at the comma or bracket behind it.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  int depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}')) return at;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return std::string_view::npos;
}

}  // namespace

std::optional<json> attributes_of(std::string_view document,
                                  const std::vector<std::string_view>& names) {
  if (!document.starts_with("{\"") || !notation::is_ascii(document)) return std::nullopt;
  json found = json::object();
  std::size_t at = 1;
  while (true) {
    if (at >= document.size() || document[at] != '"') return std::nullopt;
    const auto name_end = end_of_string(document, at);
    if (name_end >= document.size() || document[name_end] != ':') return std::nullopt;
    const auto name = document.substr(at + 1, name_end - at - 2);
    if (name.find('\\') != std::string_view::npos) return std::nullopt;
    const auto value_end = end_of_value(document, name_end + 1);
    if (value_end >= document.size()) return std::nullopt;
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      const auto value = document.substr(name_end + 1, value_end - name_end - 1);
      auto parsed = notation::parsed_or_discarded(value);
      if (parsed.is_discarded()) return std::nullopt;
      found[std::string(name)] = std::move(parsed);
    }
    at = value_end + 1;
    if (document[value_end] == '}') break;
  }
  if (at != document.size()) return std::nullopt;
  return found;
}

std::string with_attribute(std::string document, std::string_view name, std::string_view value) {
  document.pop_back();
  document.append(",\"").append(name).append("\":").append(value).append("}");
  return document;
}

}  // namespace jobengine::api::cimi
