#include "api/cimi/json_patch.hpp"

#include <algorithm>

#include "api/cimi/cimi_error.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;
using Pointer = json::json_pointer;

constexpr std::size_t most_operations = 1000;
// Values and bytes compared, copied and moved: a copy may double a document, and a patch is applied
// while other writes wait.
constexpr std::size_t most_work = 4 * 1024 * 1024;
constexpr std::size_t deepest = 64;
constexpr std::size_t longest_shown = 80;

std::size_t weight_of(const json& value) {
  std::size_t weight = 1;
  if (value.is_string()) weight += value.get_ref<const std::string&>().size();
  if (!value.is_structured()) return weight;
  for (const auto& one : value) weight += weight_of(one);
  return weight;
}

std::size_t depth_of(const json& value) {
  if (!value.is_structured()) return 0;
  std::size_t deepest_part = 0;
  for (const auto& one : value) deepest_part = std::max(deepest_part, depth_of(one));
  return deepest_part + 1;
}

std::size_t tokens(const std::string& pointer) {
  return static_cast<std::size_t>(std::count(pointer.begin(), pointer.end(), '/'));
}

std::string shown(const json& value) {
  auto text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > longest_shown) text = text.substr(0, longest_shown) + "…";
  return text;
}

class Patching {
 public:
  Patching(json document, const std::string& id) : document_(std::move(document)), id_(id) {}

  void apply(const json& operation, std::size_t number) {
    place_ = "operation " + std::to_string(number) + " of the patch";
    if (!operation.is_object()) refuse("is " + shown(operation) + ", expected a map with 'op'");
    const auto op = text_of(operation, "op");
    const auto path = text_of(operation, "path");
    place_ += " (" + op + " " + path + ")";
    if (op == "add") {
      check_parent(path);
      check_new(path, value_of(operation));
    } else if (op == "replace") {
      check_there(path);
      check_new(path, value_of(operation));
    } else if (op == "remove") {
      check_there(path);
    } else if (op == "test") {
      test(path, value_of(operation));
      return;
    } else if (op == "copy" || op == "move") {
      const auto from = text_of(operation, "from");
      check_there(from);
      check_new(path, document_.at(Pointer(from)));
      if (op == "copy") check_parent(path);  // a move looks again once the value is away
    } else {
      refuse("has an unknown 'op', expected add, remove, replace, move, copy or test");
    }
    if (op != "add" && path.empty()) refuse("concerns the whole resource");
    run(operation);
  }

  json result() && { return std::move(document_); }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw bad_request(place_ + " " + why, id_);
  }

  std::string text_of(const json& operation, const char* key) const {
    const auto found = operation.find(key);
    if (found == operation.end() || !found->is_string()) {
      refuse(std::string("has no '") + key + "', expected a string");
    }
    return found->get<std::string>();
  }

  const json& value_of(const json& operation) const {
    const auto found = operation.find("value");
    if (found == operation.end()) refuse("has no 'value'");
    return *found;
  }

  Pointer pointer_of(const std::string& path) const {
    try {
      return Pointer(path);
    } catch (const json::exception&) {
      refuse("has no JSON pointer, expected one such as \"/tags/0\"");
    }
  }

  const json& check_there(const std::string& path) {
    const auto pointer = pointer_of(path);
    try {
      if (document_.contains(pointer)) return document_.at(pointer);
    } catch (const json::exception&) {
      refuse("leads nowhere: there is no " + path);
    }
    refuse("leads nowhere: there is no " + path);
  }

  void check_parent(const std::string& path) {
    if (path.empty()) refuse("concerns the whole resource");
    const auto& parent = check_there(path.substr(0, path.rfind('/')));
    if (!parent.is_structured())
      refuse("leads into " + shown(parent) + ", expected a map or a list");
    if (parent.is_array()) spend(parent.size());
  }

  void check_new(const std::string& path, const json& value) {
    spend(weight_of(value));
    if (tokens(path) + depth_of(value) > deepest) refuse("nests too deeply, at most 64 levels");
  }

  void spend(std::size_t work) {
    work_ += work;
    if (work_ > most_work) refuse("makes the patch too much work");
  }

  void test(const std::string& path, const json& expected) {
    const auto& found = check_there(path);
    spend(weight_of(found));
    if (found == expected) return;
    throw CimiError(409, place_ + " fails: it is " + shown(found) + ", not " + shown(expected),
                    id_);
  }

  // A move takes its value away first: what it leads into may have been part of that.
  void run(const json& operation) {
    try {
      if (operation["op"] == "move") {
        const auto from = operation["from"].get<std::string>();
        const auto path = operation["path"].get<std::string>();
        if (path.starts_with(from + "/")) refuse("moves a value into itself");
        const json value = document_.at(pointer_of(from));
        document_.patch_inplace(json::array({{{"op", "remove"}, {"path", from}}}));
        check_parent(path);
        document_.patch_inplace(json::array({{{"op", "add"}, {"path", path}, {"value", value}}}));
      } else {
        document_.patch_inplace(json::array({operation}));
      }
    } catch (const json::exception& error) {
      refuse(std::string("cannot be done: ") + error.what());
    }
  }

  json document_;
  const std::string& id_;
  std::string place_;
  std::size_t work_ = 0;
};

}  // namespace

json patched(const json& document, const json& patch, const std::string& id) {
  if (!patch.is_array()) {
    throw bad_request("a JSON patch is a list of operations, not " + shown(patch), id);
  }
  if (patch.size() > most_operations) {
    throw bad_request("a JSON patch may have " + std::to_string(most_operations) +
                          " operations, not " + std::to_string(patch.size()),
                      id);
  }
  Patching patching(document, id);
  std::size_t number = 0;
  for (const auto& operation : patch) patching.apply(operation, ++number);
  return std::move(patching).result();
}

}  // namespace jobengine::api::cimi
