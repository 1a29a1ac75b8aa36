#include "common/configuration/yaml_document.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "common/configuration/nearest_name.hpp"

namespace jobengine::configuration {

namespace {

enum class Kind { Null, Scalar, List, Map };

// Aliases may refer to themselves or multiply; no honest file comes near these.
constexpr int deepest = 64;
constexpr std::size_t most_values = 100'000;

}  // namespace

// The document is copied out of yaml-cpp: its nodes change when merely looked at.
struct YamlNode::Content {
  std::string file;
  int line = 0;
  std::string path;
  Kind kind = Kind::Null;
  std::string scalar;
  bool plain = false;  // a scalar without quotes
  std::vector<YamlNode> items;
  std::vector<std::pair<std::string, YamlNode>> entries;

  std::string where() const { return file + (line > 0 ? ":" + std::to_string(line) : ""); }
  std::string shown() const {
    switch (kind) {
      case Kind::Null:
        return "nothing";
      case Kind::Scalar:
        return "\"" + scalar + "\"";
      case Kind::List:
        return "a list";
      case Kind::Map:
        return "a map";
    }
    return {};
  }
};

namespace {

using Content = YamlNode::Content;

[[noreturn]] void refuse_at(const Content& content, const std::string& complaint) {
  throw YamlError(content.where() + ": " + (content.path.empty() ? "" : content.path + ": ") +
                  complaint);
}

class Copier {
 public:
  explicit Copier(std::string file) : file_(std::move(file)) {}

  // `line_of_key`: where an empty value is; its own mark is behind it.
  YamlNode copy(const YAML::Node& node, const std::string& path, int depth, int line_of_key = 0) {
    auto content = std::make_shared<Content>();
    content->file = file_;
    content->line = node.Mark().is_null() ? 0 : node.Mark().line + 1;
    if (node.IsNull() && line_of_key > 0) content->line = line_of_key;
    content->path = path;
    if (depth > deepest) refuse_at(*content, "nested too deeply");
    if (++values_ > most_values) refuse_at(*content, "the document has too many values");
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        break;
      case YAML::NodeType::Scalar:
        content->kind = Kind::Scalar;
        content->scalar = node.Scalar();
        content->plain = node.Tag() == "?";
        break;
      case YAML::NodeType::Sequence:
        content->kind = Kind::List;
        copy_items(node, *content, depth);
        break;
      case YAML::NodeType::Map:
        content->kind = Kind::Map;
        copy_entries(node, *content, depth);
        break;
    }
    return YamlNode(std::move(content));
  }

 private:
  void copy_items(const YAML::Node& node, Content& content, int depth) {
    for (const auto& item : node) {
      const std::string path = content.path + "[" + std::to_string(content.items.size()) + "]";
      content.items.push_back(copy(item, path, depth + 1));
    }
  }

  void copy_entries(const YAML::Node& node, Content& content, int depth) {
    std::set<std::string> seen;
    for (const auto& entry : node) {
      Content place;
      place.file = file_;
      place.line = entry.first.Mark().line + 1;
      place.path = content.path;
      if (!entry.first.IsScalar()) refuse_at(place, "a key must be a text");
      const std::string key = entry.first.Scalar();
      if (!seen.insert(key).second) refuse_at(place, "the key \"" + key + "\" stands here twice");
      const std::string path = content.path.empty() ? key : content.path + "." + key;
      content.entries.emplace_back(key, copy(entry.second, path, depth + 1, place.line));
    }
  }

  std::string file_;
  std::size_t values_ = 0;
};

template <class Number>
std::optional<Number> whole(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> truth(std::string_view text) {
  for (std::string_view yes : {"true", "True", "TRUE", "yes", "Yes", "on", "On"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"false", "False", "FALSE", "no", "No", "off", "Off"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

// As YAML 1.2 reads a plain scalar into JSON; "yes" and "no" stay texts there.
nlohmann::json scalar_json(const Content& content) {
  const std::string& text = content.scalar;
  if (!content.plain) return text;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  const bool numeric = !text.empty() && text.find_first_not_of("+-.0123456789eE") == text.npos;
  if (!numeric) return text;
  if (const auto integer = whole<std::int64_t>(text)) return *integer;
  if (const auto real = whole<double>(text)) return *real;
  return text;
}

}  // namespace

YamlNode::YamlNode(std::shared_ptr<const Content> content) : content_(std::move(content)) {}

bool YamlNode::is_map() const {
  return content_->kind == Kind::Map;
}
bool YamlNode::is_list() const {
  return content_->kind == Kind::List;
}
bool YamlNode::is_scalar() const {
  return content_->kind == Kind::Scalar;
}
bool YamlNode::is_null() const {
  return content_->kind == Kind::Null;
}

std::string YamlNode::text() const {
  if (!is_scalar()) refuse(content_->shown() + " where a text was expected");
  return content_->scalar;
}

std::int64_t YamlNode::integer() const {
  const auto value = is_scalar() ? whole<std::int64_t>(content_->scalar) : std::nullopt;
  if (!value) refuse(content_->shown() + " where a whole number was expected");
  return *value;
}

bool YamlNode::boolean() const {
  const auto value = is_scalar() ? truth(content_->scalar) : std::nullopt;
  if (!value) refuse(content_->shown() + " where true or false was expected");
  return *value;
}

std::vector<YamlNode> YamlNode::items() const {
  if (!is_list()) refuse(content_->shown() + " where a list was expected");
  return content_->items;
}

std::vector<std::pair<std::string, YamlNode>> YamlNode::entries() const {
  if (!is_map()) refuse(content_->shown() + " where a map was expected");
  return content_->entries;
}

bool YamlNode::has(std::string_view key) const {
  return std::any_of(content_->entries.begin(), content_->entries.end(),
                     [key](const auto& entry) { return entry.first == key; });
}

YamlNode YamlNode::at(std::string_view key) const {
  if (!is_map()) refuse(content_->shown() + " where a map was expected");
  for (const auto& [name, value] : content_->entries) {
    if (name == key) return value;
  }
  refuse("the key \"" + std::string(key) + "\" is missing");
}

void YamlNode::expect_keys(const std::vector<std::string>& allowed) const {
  if (!is_map()) refuse(content_->shown() + " where a map was expected");
  for (const auto& [name, value] : content_->entries) {
    if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) continue;
    std::string complaint = "unknown key \"" + name + "\"";
    const std::string nearest = nearest_name(name, allowed);
    if (!nearest.empty()) {
      complaint += "; did you mean \"" + nearest + "\"?";
    } else {
      complaint += "; expected one of:";
      for (const std::string& key : allowed) complaint += " " + key;
    }
    Content place;
    place.file = content_->file;
    place.line = value.content_->line;
    place.path = content_->path;
    refuse_at(place, complaint);
  }
}

nlohmann::json YamlNode::json() const {
  switch (content_->kind) {
    case Kind::Null:
      return nullptr;
    case Kind::Scalar:
      return scalar_json(*content_);
    case Kind::List: {
      auto list = nlohmann::json::array();
      for (const YamlNode& item : content_->items) list.push_back(item.json());
      return list;
    }
    case Kind::Map: {
      auto map = nlohmann::json::object();
      for (const auto& [key, value] : content_->entries) map[key] = value.json();
      return map;
    }
  }
  return nullptr;
}

std::string YamlNode::where() const {
  return content_->where();
}
const std::string& YamlNode::path() const {
  return content_->path;
}
void YamlNode::refuse(const std::string& complaint) const {
  refuse_at(*content_, complaint);
}

YamlNode parse_yaml(const std::string& text, const std::string& name_for_messages) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      throw YamlError(name_for_messages + ": more than one document (\"---\") in the file");
    }
    const YAML::Node document = documents.empty() ? YAML::Node() : documents.front();
    return Copier(name_for_messages).copy(document, "", 0);
  } catch (const YAML::Exception& failure) {
    const std::string line =
        failure.mark.is_null() ? "" : ":" + std::to_string(failure.mark.line + 1);
    throw YamlError(name_for_messages + line + ": not valid YAML: " + failure.msg);
  }
}

YamlNode read_yaml_file(const std::string& file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) {
    throw YamlError(file + ": cannot be read: it is a directory");
  }
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream content;
  if (stream) content << stream.rdbuf();
  if (!stream || stream.bad()) {
    throw YamlError(file +
                    ": cannot be read: " + (errno != 0 ? std::strerror(errno) : "unknown reason"));
  }
  return parse_yaml(content.str(), file);
}

}  // namespace jobengine::configuration
