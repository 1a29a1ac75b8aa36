#include "distributor/placeholders.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

#include "common/runtime/failure.hpp"

namespace jobengine::distributor {

namespace {

using nlohmann::json;

// A text cut at its placeholders.
struct Piece {
  bool is_attribute = false;
  std::string text;
};

bool is_attribute_path(const std::string& text) {
  if (text.empty() || text.front() == '/' || text.back() == '/') return false;
  return text.find("//") == std::string::npos &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '/' || c == ':';
         });
}

std::vector<Piece> pieces_of(const std::string& text) {
  std::vector<Piece> pieces(1);
  for (std::size_t at = 0; at < text.size();) {
    if (text.compare(at, 3, "$${") == 0) {
      pieces.back().text += "${";
      at += 3;
    } else if (text.compare(at, 2, "${") == 0) {
      const std::size_t end = text.find('}', at);
      if (end == std::string::npos) {
        throw runtime::Failure("\"" + text + "\": a placeholder is not closed (expected ${name})");
      }
      const std::string attribute = text.substr(at + 2, end - at - 2);
      if (!is_attribute_path(attribute)) {
        throw runtime::Failure("\"" + text + "\": \"" + attribute +
                               "\" is no attribute's name (expected ${name} or ${outer/inner})");
      }
      pieces.push_back(Piece{true, attribute});
      pieces.emplace_back();
      at = end + 1;
    } else {
      pieces.back().text.push_back(text[at++]);
    }
  }
  std::erase_if(pieces,
                [](const Piece& piece) { return !piece.is_attribute && piece.text.empty(); });
  return pieces;
}

const json* attribute_of(const json& row, const std::string& path) {
  const json* value = &row;
  std::size_t start = 0;
  while (start <= path.size()) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    if (!value->is_object()) return nullptr;
    const auto found = value->find(path.substr(start, end - start));
    if (found == value->end()) return nullptr;
    value = &*found;
    start = end + 1;
  }
  return value->is_null() ? nullptr : value;
}

std::optional<json> filled_text(const std::string& text, const json& row) {
  const std::vector<Piece> pieces = pieces_of(text);
  if (pieces.size() == 1 && pieces[0].is_attribute) {
    const json* value = attribute_of(row, pieces[0].text);
    if (value == nullptr) return std::nullopt;
    return *value;
  }
  std::string result;
  for (const Piece& piece : pieces) {
    if (!piece.is_attribute) {
      result += piece.text;
      continue;
    }
    const json* value = attribute_of(row, piece.text);
    if (value == nullptr || value->is_structured()) return std::nullopt;
    result += value->is_string() ? value->get<std::string>() : value->dump();
  }
  return json(std::move(result));
}

}  // namespace

std::set<std::string> placeholders_of(const json& value) {
  std::set<std::string> names;
  if (value.is_string()) {
    for (const Piece& piece : pieces_of(value.get_ref<const std::string&>())) {
      if (piece.is_attribute) names.insert(piece.text.substr(0, piece.text.find('/')));
    }
  } else if (value.is_structured()) {
    for (const json& inner : value) names.merge(placeholders_of(inner));
  }
  return names;
}

std::optional<json> filled(const json& value, const json& row) {
  if (value.is_string()) return filled_text(value.get_ref<const std::string&>(), row);
  if (!value.is_structured()) return value;
  json result = value;
  for (json& inner : result) {
    auto replacement = filled(inner, row);
    if (!replacement) return std::nullopt;
    inner = std::move(*replacement);
  }
  return result;
}

}  // namespace jobengine::distributor
