// YAML with positions: every complaint can name file and line. yaml-cpp stays behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jobengine::configuration {

// "deploy/x.yaml:12: …"
class YamlError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A value; cheap to copy, keeps its document alive. Every accessor throws YamlError with file,
// line, the path to the value ("distributions.cleanup_jobs.every"), what it is and what was
// expected.
class YamlNode {
 public:
  bool is_map() const;
  bool is_list() const;
  bool is_scalar() const;
  bool is_null() const;

  std::string text() const;
  std::int64_t integer() const;
  bool boolean() const;
  std::vector<YamlNode> items() const;  // of a list
  std::vector<std::pair<std::string, YamlNode>> entries()
      const;  // of a map, in file order; keys are unique
  bool has(std::string_view key) const;
  YamlNode at(std::string_view key) const;  // throws when absent
  // Throws for a key of this map that is not in `allowed`, naming it, its line and the nearest
  // allowed one.
  void expect_keys(const std::vector<std::string>& allowed) const;
  // The whole value as JSON: plain scalars become integers, floats, true/false or null where they
  // read so.
  nlohmann::json json() const;

  // "file.yaml:12"
  std::string where() const;
  // "distributions.cleanup_jobs"
  const std::string& path() const;
  // Throws YamlError: where(), path, `complaint`.
  [[noreturn]] void refuse(const std::string& complaint) const;

  struct Content;
  explicit YamlNode(std::shared_ptr<const Content> content);

 private:
  std::shared_ptr<const Content> content_;
};

// Throws YamlError for a file that cannot be read, is not YAML, or has a key twice in one map.
YamlNode read_yaml_file(const std::string& file);
YamlNode parse_yaml(const std::string& text, const std::string& name_for_messages);

}  // namespace jobengine::configuration
