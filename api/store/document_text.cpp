#include "api/store/document_text.hpp"

#include <algorithm>

#include "api/notation/notation.hpp"

namespace jobengine::api::store {
namespace {

constexpr auto nowhere = std::string_view::npos;

bool is_escaped(std::string_view text, std::size_t quote) {
  const auto before = text.find_last_not_of('\\', quote - 1);
  return (quote - 1 - before) % 2 == 1;
}

// Behind the string whose opening quote stands at `begin`.
std::size_t end_of_string(std::string_view text, std::size_t begin) {
  auto quote = text.find('"', begin + 1);
  while (quote != nowhere && is_escaped(text, quote)) quote = text.find('"', quote + 1);
  return quote == nowhere ? nowhere : quote + 1;
}

// Behind the value that begins at `at`.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
      if (depth == 0 || at == nowhere) return at;
      continue;
    }
    const bool closes = c == '}' || c == ']';
    if (depth == 0 && (closes || c == ',')) return at;
    if (closes && --depth == 0) return at + 1;
    if (c == '{' || c == '[') ++depth;
    ++at;
  }
  return nowhere;
}

}  // namespace

std::optional<nlohmann::json> members_of(std::string_view object,
                                         const std::vector<std::string>& names) {
  auto part = nlohmann::json::object();
  if (object == "{}") return part;
  std::size_t at = 0;
  char before = '{';
  while (at + 1 < object.size() && object[at] == before && object[at + 1] == '"') {
    const auto colon = end_of_string(object, at + 1);
    if (colon == nowhere || colon >= object.size() || object[colon] != ':') return std::nullopt;
    const auto name = object.substr(at + 2, colon - at - 3);
    if (name.find('\\') != nowhere) return std::nullopt;
    const auto end = end_of_value(object, colon + 1);
    if (end >= object.size()) return std::nullopt;
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      part[std::string(name)] = notation::parsed(object.substr(colon + 1, end - colon - 1));
    }
    if (object[end] == '}' && end + 1 == object.size()) return part;
    at = end;
    before = ',';
  }
  return std::nullopt;
}

}  // namespace jobengine::api::store
