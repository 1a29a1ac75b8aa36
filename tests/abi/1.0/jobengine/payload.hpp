// Strict reading of a job's payload: what is missing, of the wrong type or unknown is said by name.
// Part of <jobengine/action.hpp>.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace jobengine {

// The payload is not what the action needs; the text says what was wrong and what was expected.
class PayloadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The keys of a payload. Ask for each key the action knows, then call finish():
//   Payload payload(job.payload());
//   const auto url = payload.text("url");
//   const auto timeout = payload.number_or("timeout", 60, 0.1, 3600);
//   payload.finish();
// Every function throws PayloadError.
class Payload {
 public:
  explicit Payload(nlohmann::json document) : document_(std::move(document)) {
    if (!document_.is_object()) {
      throw PayloadError("payload must be a JSON object, but is " + shown(document_));
    }
  }

  // The raw value, or nullptr when the key is missing or null.
  const nlohmann::json* find(const std::string& key) {
    known_.insert(key);
    const auto at = document_.find(key);
    return at == document_.end() || at->is_null() ? nullptr : &*at;
  }

  std::string text(const std::string& key) { return text_of(key, need(key, "a string")); }
  std::string text_or(const std::string& key, std::string otherwise) {
    const auto* value = find(key);
    return value == nullptr ? std::move(otherwise) : text_of(key, *value);
  }

  double number_or(const std::string& key, double otherwise, double least, double most) {
    const auto* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_number()) fail(key, range("a number", least, most), *value);
    const auto number = value->get<double>();
    if (!(number >= least && number <= most)) fail(key, range("a number", least, most), *value);
    return number;
  }

  int64_t integer_or(const std::string& key, int64_t otherwise, int64_t least, int64_t most) {
    const auto* value = find(key);
    return value == nullptr ? otherwise : integer_of(key, *value, least, most);
  }

  bool flag_or(const std::string& key, bool otherwise) {
    const auto* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) fail(key, "true or false", *value);
    return value->get<bool>();
  }

  // A list of strings.
  std::vector<std::string> texts(const std::string& key) {
    const auto& value = need(key, "a list of strings");
    if (!value.is_array()) fail(key, "a list of strings", value);
    std::vector<std::string> list;
    for (const auto& element : value) {
      if (!element.is_string()) fail(key, "a list of strings", value);
      list.push_back(element.get<std::string>());
    }
    return list;
  }

  // An object whose values are strings; empty when missing.
  std::vector<std::pair<std::string, std::string>> text_map(const std::string& key) {
    std::vector<std::pair<std::string, std::string>> map;
    const auto* value = find(key);
    if (value == nullptr) return map;
    if (!value->is_object()) fail(key, "an object of strings", *value);
    for (const auto& [name, element] : value->items()) {
      if (!element.is_string()) fail(key + "\".\"" + name, "a string", element);
      map.emplace_back(name, element.template get<std::string>());
    }
    return map;
  }

  // Refuses keys nobody asked for.
  void finish() const {
    for (const auto& [key, value] : document_.items()) {
      if (known_.contains(key)) continue;
      std::string list;
      for (const auto& name : known_) list.append(list.empty() ? "" : ", ").append(name);
      throw PayloadError("payload: unknown key \"" + key + "\"; " +
                         (list.empty() ? "this action takes no payload" : "known are: " + list));
    }
  }

  // Throws: "payload: "<key>" must be <expected>, but is <value>".
  [[noreturn]] static void fail(const std::string& key, const std::string& expected,
                                const nlohmann::json& value) {
    throw PayloadError("payload: \"" + key + "\" must be " + expected + ", but is " + shown(value));
  }

  static int64_t integer_of(const std::string& key, const nlohmann::json& value, int64_t least,
                            int64_t most) {
    const auto expected = [&] {
      return "an integer from " + std::to_string(least) + " to " + std::to_string(most);
    };
    if (!value.is_number_integer()) fail(key, expected(), value);
    const bool huge =
        value.is_number_unsigned() &&
        value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    if (huge || value.get<int64_t>() < least || value.get<int64_t>() > most)
      fail(key, expected(), value);
    return value.get<int64_t>();
  }

 private:
  const nlohmann::json& need(const std::string& key, const std::string& expected) {
    const auto* value = find(key);
    if (value == nullptr)
      throw PayloadError("payload: \"" + key + "\" is missing (" + expected + ")");
    return *value;
  }

  static std::string text_of(const std::string& key, const nlohmann::json& value) {
    if (!value.is_string()) fail(key, "a string", value);
    return value.get<std::string>();
  }

  static std::string range(const char* what, double least, double most) {
    const auto plain = [](double number) { return nlohmann::json(number).dump(); };
    return std::string(what) + " from " + plain(least) + " to " + plain(most);
  }

  static std::string shown(const nlohmann::json& value) {
    constexpr std::size_t longest = 60;
    // The payload may hold anything; what is shown of it must be valid UTF-8.
    auto text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    if (text.size() > longest) text = text.substr(0, longest) + "...";
    return text;
  }

  nlohmann::json document_;
  std::set<std::string> known_;
};

}  // namespace jobengine
