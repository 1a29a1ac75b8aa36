#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "common/json_schema/compiled_schema.hpp"
#include "common/json_schema/json_schema.hpp"

namespace jobengine::json_schema {
namespace {

constexpr int deepest_schema = 64;
constexpr std::size_t most_subschemas = 10000;
// Schemas that look at one and the same value, counted along references: more are a mistake, and
// would be asked for each value of a document.
constexpr std::size_t most_in_place = 10000;
constexpr std::size_t deepest_in_place = 256;
constexpr std::size_t longest_shown = 80;

using Keywords = std::initializer_list<const char*>;
constexpr Keywords schema_maps{"properties", "patternProperties", "definitions", "$defs"};
constexpr Keywords schema_lists{"allOf", "anyOf", "oneOf"};
constexpr Keywords single_in_place{"not", "if", "then", "else"};
constexpr Keywords single_deeper{"additionalProperties", "additionalItems", "contains",
                                 "propertyNames"};

[[noreturn]] void refuse(const std::string& pointer, const json& found,
                         const std::string& expected) {
  throw SchemaError((pointer.empty() ? "the schema" : pointer) + ": " + shown(found) +
                    ", expected " + expected);
}

bool is_type_name(const json& value) {
  static constexpr std::array<std::string_view, 7> names{"null",   "boolean", "object", "array",
                                                         "number", "string",  "integer"};
  return value.is_string() &&
         std::find(names.begin(), names.end(), value.get_ref<const std::string&>()) != names.end();
}

bool is_text_list(const json& value) {
  if (!value.is_array()) return false;
  std::set<std::string> seen;
  return std::all_of(value.begin(), value.end(), [&](const json& one) {
    return one.is_string() && seen.insert(one.get<std::string>()).second;
  });
}

bool is_count(const json& value) {
  if (value.is_number_integer()) return value >= 0;
  return value.is_number_float() && value >= 0.0 && value.get<double>() < 9e15 &&
         value.get<double>() == static_cast<double>(value.get<std::int64_t>());
}

struct KeywordRule {
  std::string_view keyword;
  bool (*fine)(const json& value);
  const char* expected;
};

const std::vector<KeywordRule>& keyword_rules() {
  static constexpr auto number = [](const json& value) { return value.is_number(); };
  static constexpr auto object = [](const json& value) { return value.is_object(); };
  static constexpr auto text = [](const json& value) { return value.is_string(); };
  static constexpr auto some = [](const json& value) { return value.is_array() && !value.empty(); };
  static constexpr auto types = [](const json& value) {
    return is_type_name(value) || (value.is_array() && !value.empty() && is_text_list(value) &&
                                   std::all_of(value.begin(), value.end(), is_type_name));
  };
  static const std::vector<KeywordRule> rules{
      {"type", types, "a type (null, boolean, object, array, number, string, integer) or a list"},
      {"enum", [](const json& value) { return value.is_array(); }, "a list of values"},
      {"multipleOf", [](const json& value) { return value.is_number() && value > 0; },
       "a number above 0"},
      {"maximum", number, "a number"},
      {"exclusiveMaximum", number, "a number"},
      {"minimum", number, "a number"},
      {"exclusiveMinimum", number, "a number"},
      {"maxLength", is_count, "a number of characters"},
      {"minLength", is_count, "a number of characters"},
      {"maxItems", is_count, "a number of items"},
      {"minItems", is_count, "a number of items"},
      {"maxProperties", is_count, "a number of attributes"},
      {"minProperties", is_count, "a number of attributes"},
      {"pattern", text, "a regular expression"},
      {"uniqueItems", [](const json& value) { return value.is_boolean(); }, "true or false"},
      {"required", is_text_list, "a list of distinct attribute names"},
      {"properties", object, "a map of schemas"},
      {"patternProperties", object, "a map of schemas"},
      {"dependencies", object, "a map of schemas or lists of attribute names"},
      {"definitions", object, "a map of schemas"},
      {"$defs", object, "a map of schemas"},
      {"allOf", some, "a list of at least one schema"},
      {"anyOf", some, "a list of at least one schema"},
      {"oneOf", some, "a list of at least one schema"},
      {"$ref", text, "a reference such as \"#/definitions/size\""},
  };
  return rules;
}

class Checker {
 public:
  explicit Checker(CompiledSchema& compiled) : compiled_(compiled) {}

  void run() {
    collect_anchors(compiled_.document, 0);
    check(compiled_.document, "");
    // What references lead to need not be where schemas usually are.
    while (!reached_.empty()) {
      const auto [pointer, schema] = reached_.back();
      reached_.pop_back();
      check(*schema, pointer);
    }
    for (const auto* schema : seen_) count_in_place(*schema);
  }

 private:
  void collect_anchors(const json& value, int depth) {
    if (depth > deepest_schema) throw SchemaError("the schema is nested too deeply");
    if (value.is_object()) {
      const auto id = value.find("$id");
      if (id != value.end() && id->is_string() &&
          id->get_ref<const std::string&>().starts_with('#')) {
        anchors_.emplace(id->get<std::string>(), &value);
      }
    }
    if (!value.is_structured()) return;
    for (const auto& one : value) collect_anchors(one, depth + 1);
  }

  void check(const json& schema, const std::string& pointer) {
    if (schema.is_boolean()) return;
    if (!schema.is_object()) refuse(pointer, schema, "a schema: a map, true or false");
    if (!seen_.insert(&schema).second) return;
    if (seen_.size() > most_subschemas) throw SchemaError("the schema has too many parts");
    if (schema.contains("$ref")) {
      check_reference(schema["$ref"], pointer_to(pointer, "$ref"));
      return;  // what stands beside it does not count
    }
    for (const auto& rule : keyword_rules()) {
      const auto found = schema.find(rule.keyword);
      if (found == schema.end() || rule.fine(*found)) continue;
      refuse(pointer_to(pointer, std::string(rule.keyword)), *found, rule.expected);
    }
    check_patterns(schema, pointer);
    for_each_subschema(schema, Reach::All, [&](const json& one, const std::string& place) {
      check(one, pointer + "/" + place);
    });
  }

  void check_reference(const json& reference, const std::string& pointer) {
    if (!reference.is_string())
      refuse(pointer, reference, "a reference such as \"#/definitions/x\"");
    const auto& text = reference.get_ref<const std::string&>();
    if (compiled_.references.contains(text)) return;
    const json* target = nullptr;
    if (const auto anchor = anchors_.find(text); anchor != anchors_.end()) {
      target = anchor->second;
    } else if (text == "#" || text.starts_with("#/")) {
      target = located(text, pointer);
    } else {
      refuse(pointer, reference, "a place in this schema, such as \"#/definitions/x\"");
    }
    compiled_.references.emplace(text, target);
    reached_.emplace_back(text, target);
  }

  const json* located(const std::string& reference, const std::string& pointer) {
    try {
      const json::json_pointer place(decoded(reference.substr(1)));
      if (compiled_.document.contains(place)) return &compiled_.document.at(place);
    } catch (const json::exception&) {
      refuse(pointer, reference, "a JSON pointer behind '#'");
    }
    refuse(pointer, reference, "a place that exists in this schema");
  }

  // Percent-encoding of a URI fragment.
  static std::string decoded(const std::string& text) {
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '%' && at + 2 < text.size()) {
        const auto digits = text.substr(at + 1, 2);
        if (digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos) {
          result += static_cast<char>(std::stoi(digits, nullptr, 16));
          at += 2;
          continue;
        }
      }
      result += text[at];
    }
    return result;
  }

  void check_patterns(const json& schema, const std::string& pointer) {
    if (schema.contains("pattern")) {
      compile(schema["pattern"].get<std::string>(), pointer_to(pointer, "pattern"));
    }
    const auto properties = schema.find("patternProperties");
    if (properties == schema.end()) return;
    for (const auto& [expression, unused] : properties->items()) {
      compile(expression, pointer_to(pointer, "patternProperties"));
    }
  }

  void compile(const std::string& expression, const std::string& pointer) {
    if (compiled_.patterns.contains(expression)) return;
    Pattern pattern(expression);
    const auto error = pattern.error();
    if (!error.empty()) {
      refuse(pointer, expression, "a regular expression of RE2, but: " + error);
    }
    compiled_.patterns.emplace(expression, std::move(pattern));
  }

  // How many schemas are asked about one value, when this one is.
  std::size_t count_in_place(const json& schema) {
    if (!schema.is_object()) return 1;
    if (const auto known = in_place_.find(&schema); known != in_place_.end()) return known->second;
    if (!under_way_.insert(&schema).second) {
      throw SchemaError("the schema refers to itself without going into the document: " +
                        shown(schema));
    }
    std::size_t count = 1;
    const auto add = [&](const json& one) {
      if (under_way_.size() > deepest_in_place) {
        throw SchemaError("the schema refers from one part to the next too often");
      }
      count += count_in_place(one);
      if (count > most_in_place) {
        throw SchemaError("the schema asks too many questions of one value: more than " +
                          std::to_string(most_in_place));
      }
    };
    if (schema.contains("$ref")) {
      add(*compiled_.references.at(schema["$ref"].get<std::string>()));
    } else {
      for_each_subschema(schema, Reach::InPlace,
                         [&](const json& one, const std::string&) { add(one); });
    }
    under_way_.erase(&schema);
    in_place_.emplace(&schema, count);
    return count;
  }

  CompiledSchema& compiled_;
  std::map<std::string, const json*> anchors_;
  std::set<const json*> seen_;
  std::vector<std::pair<std::string, const json*>> reached_;
  std::map<const json*, std::size_t> in_place_;
  std::set<const json*> under_way_;
};

}  // namespace

std::string pointer_to(const std::string& parent, const std::string& key) {
  std::string escaped;
  for (const char c : key) {
    if (c == '~') {
      escaped += "~0";
    } else if (c == '/') {
      escaped += "~1";
    } else {
      escaped += c;
    }
  }
  return parent + "/" + escaped;
}

std::string shown(const json& value) {
  if (value.is_object() && value.size() > 3) {
    return "a map of " + std::to_string(value.size()) + " attributes";
  }
  if (value.is_array() && value.size() > 8) {
    return "a list of " + std::to_string(value.size()) + " items";
  }
  auto text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > longest_shown) text = text.substr(0, longest_shown) + "…";
  return text;
}

void for_each_subschema(const json& schema, Reach reach,
                        const std::function<void(const json&, const std::string&)>& visit) {
  const auto visit_all = [&](const char* keyword) {
    const auto found = schema.find(keyword);
    if (found == schema.end() || !found->is_structured()) return;
    for (const auto& [key, one] : found->items()) visit(one, keyword + pointer_to("", key));
  };
  const auto visit_one = [&](const char* keyword) {
    const auto found = schema.find(keyword);
    if (found != schema.end()) visit(*found, keyword);
  };
  for (const char* keyword : schema_lists) visit_all(keyword);
  for (const char* keyword : single_in_place) visit_one(keyword);
  if (const auto found = schema.find("dependencies"); found != schema.end()) {
    for (const auto& [key, one] : found->items()) {
      if (!is_text_list(one)) visit(one, "dependencies" + pointer_to("", key));
    }
  }
  if (reach == Reach::InPlace) return;
  for (const char* keyword : schema_maps) visit_all(keyword);
  for (const char* keyword : single_deeper) visit_one(keyword);
  const auto items = schema.find("items");
  if (items == schema.end()) return;
  if (items->is_array()) {
    visit_all("items");
  } else {
    visit_one("items");
  }
}

void check_schema(CompiledSchema& compiled) {
  Checker(compiled).run();
}

}  // namespace jobengine::json_schema
