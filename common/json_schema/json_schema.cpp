#include "common/json_schema/json_schema.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "common/json_schema/compiled_schema.hpp"

namespace jobengine::json_schema {
namespace {

constexpr std::size_t most_violations = 20;
// Questions asked of one document. A large honest one takes some ten thousand.
constexpr std::size_t most_steps = 1'000'000;
// Schemas within each other, documents being nested 64 deep at most.
constexpr int deepest_evaluation = 512;

bool has_type(const json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  if (value.is_number_integer()) return true;
  return value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>();
}

std::string type_in_words(const std::string& type) {
  if (type == "object") return "a map";
  if (type == "array") return "a list";
  if (type == "integer") return "an integer";
  if (type == "boolean") return "true or false";
  if (type == "null") return "null";
  return "a " + type;
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

bool is_multiple(const json& value, const json& of) {
  if (value.is_number_integer() && of.is_number_integer()) {
    if (value.is_number_unsigned())
      return value.get<std::uint64_t>() % of.get<std::uint64_t>() == 0;
    return value.get<std::int64_t>() % of.get<std::int64_t>() == 0;
  }
  const double quotient = value.get<double>() / of.get<double>();
  if (!std::isfinite(quotient)) return false;
  return std::abs(quotient - std::round(quotient)) <= 1e-9 * std::max(1.0, std::abs(quotient));
}

bool all_distinct(const json& list) {
  const auto less = [](const json* one, const json* other) { return *one < *other; };
  std::set<const json*, decltype(less)> seen(less);
  return std::all_of(list.begin(), list.end(),
                     [&](const json& one) { return seen.insert(&one).second; });
}

class Evaluation {
 public:
  explicit Evaluation(const CompiledSchema& schema) : schema_(schema) {}

  std::vector<Violation> run(const json& document) {
    evaluate(schema_.document, document, "");
    if (exhausted_) {
      violations_.clear();
      violations_.push_back({"", shown(document), "a document that is simpler to check"});
    }
    return std::move(violations_);
  }

 private:
  // Whether the value satisfies the schema; complains when not, unless quiet_.
  bool evaluate(const json& schema, const json& value, const std::string& pointer) {
    if (exhausted_) return false;
    if (++steps_ > most_steps || depth_ > deepest_evaluation) {
      exhausted_ = true;
      return false;
    }
    if (schema.is_boolean()) {
      return schema.get<bool>() || complain(pointer, value, "nothing here");
    }
    ++depth_;
    bool fine = true;
    if (const auto reference = schema.find("$ref"); reference != schema.end()) {
      const auto& target = schema_.references.find(reference->get_ref<const std::string&>());
      fine = evaluate(*target->second, value, pointer);
    } else if (check_type(schema, value, pointer)) {
      fine = check_value(schema, value, pointer);
    } else {
      fine = false;
    }
    --depth_;
    return fine;
  }

  bool satisfied(const json& schema, const json& value, const std::string& pointer) {
    const bool before = std::exchange(quiet_, true);
    const bool fine = evaluate(schema, value, pointer);
    quiet_ = before;
    return fine;
  }

  bool complain(const std::string& pointer, const json& value, std::string expected) {
    if (!quiet_ && violations_.size() < most_violations) {
      violations_.push_back({pointer, shown(value), std::move(expected)});
    }
    return false;
  }

  bool check_type(const json& schema, const json& value, const std::string& pointer) {
    const auto found = schema.find("type");
    if (found == schema.end()) return true;
    const auto types = found->is_array() ? *found : json::array({*found});
    std::string expected;
    for (const auto& type : types) {
      const auto& name = type.get_ref<const std::string&>();
      if (has_type(value, name)) return true;
      expected += (expected.empty() ? "" : " or ") + type_in_words(name);
    }
    return complain(pointer, value, expected);
  }

  bool check_value(const json& schema, const json& value, const std::string& pointer) {
    bool fine = check_constants(schema, value, pointer);
    if (value.is_number()) fine = check_number(schema, value, pointer) && fine;
    if (value.is_string()) fine = check_text(schema, value, pointer) && fine;
    if (value.is_array()) fine = check_list(schema, value, pointer) && fine;
    if (value.is_object()) fine = check_map(schema, value, pointer) && fine;
    return check_combinations(schema, value, pointer) && fine;
  }

  bool check_constants(const json& schema, const json& value, const std::string& pointer) {
    bool fine = true;
    if (const auto only = schema.find("const"); only != schema.end() && *only != value) {
      fine = complain(pointer, value, shown(*only));
    }
    const auto some = schema.find("enum");
    if (some == schema.end()) return fine;
    if (std::find(some->begin(), some->end(), value) != some->end()) return fine;
    return complain(pointer, value, "one of " + shown(*some));
  }

  bool check_number(const json& schema, const json& value, const std::string& pointer) {
    bool fine = true;
    const auto bound = [&](const char* keyword, const char* words, auto holds) {
      const auto limit = schema.find(keyword);
      if (limit == schema.end() || holds(*limit)) return;
      fine = complain(pointer, value, words + limit->dump());
    };
    bound("maximum", "at most ", [&](const json& limit) { return value <= limit; });
    bound("exclusiveMaximum", "less than ", [&](const json& limit) { return value < limit; });
    bound("minimum", "at least ", [&](const json& limit) { return value >= limit; });
    bound("exclusiveMinimum", "more than ", [&](const json& limit) { return value > limit; });
    bound("multipleOf", "a multiple of ",
          [&](const json& limit) { return is_multiple(value, limit); });
    return fine;
  }

  // minItems, maxLength, …
  bool check_size(const json& schema, const json& value, const std::string& pointer,
                  const std::string& what, std::size_t size, const std::string& words) {
    bool fine = true;
    const auto least = schema.find("min" + what);
    if (least != schema.end() && size < least->get<std::uint64_t>()) {
      fine = complain(pointer, value, "at least " + least->dump() + " " + words);
    }
    const auto most = schema.find("max" + what);
    if (most != schema.end() && size > most->get<std::uint64_t>()) {
      fine = complain(pointer, value, "at most " + most->dump() + " " + words);
    }
    return fine;
  }

  bool check_text(const json& schema, const json& value, const std::string& pointer) {
    const auto& text = value.get_ref<const std::string&>();
    bool fine = check_size(schema, value, pointer, "Length", characters(text), "characters");
    const auto found = schema.find("pattern");
    if (found == schema.end()) return fine;
    const auto& expression = found->get_ref<const std::string&>();
    if (schema_.patterns.find(expression)->second.occurs_in(text)) return fine;
    return complain(pointer, value, "a text that matches " + expression);
  }

  bool check_list(const json& schema, const json& list, const std::string& pointer) {
    bool fine = check_size(schema, list, pointer, "Items", list.size(), "items");
    if (schema.value("uniqueItems", false) && !all_distinct(list)) {
      fine = complain(pointer, list, "items that are all different");
    }
    const auto items = schema.find("items");
    const auto further = schema.find("additionalItems");
    for (std::size_t at = 0; at < list.size() && items != schema.end(); ++at) {
      const json* judge = nullptr;
      if (!items->is_array()) {
        judge = &*items;
      } else if (at < items->size()) {
        judge = &(*items)[at];
      } else if (further != schema.end()) {
        judge = &*further;
      }
      if (judge == nullptr) break;
      fine = evaluate(*judge, list[at], pointer + "/" + std::to_string(at)) && fine;
      if (exhausted_) return false;
    }
    const auto wanted = schema.find("contains");
    if (wanted == schema.end()) return fine;
    const bool there = std::any_of(list.begin(), list.end(), [&](const json& one) {
      return satisfied(*wanted, one, pointer);
    });
    return (there || complain(pointer, list, "an item as \"contains\" says")) && fine;
  }

  bool check_map(const json& schema, const json& map, const std::string& pointer) {
    bool fine = check_size(schema, map, pointer, "Properties", map.size(), "attributes");
    if (const auto required = schema.find("required"); required != schema.end()) {
      fine = check_required(*required, map, pointer, "") && fine;
    }
    const auto names = schema.find("propertyNames");
    for (const auto& [key, value] : map.items()) {
      fine = check_attribute(schema, key, value, pointer) && fine;
      if (names != schema.end() && !satisfied(*names, key, pointer)) {
        fine = complain(pointer_to(pointer, key), value, "a name as \"propertyNames\" says");
      }
      if (exhausted_) return false;
    }
    const auto dependencies = schema.find("dependencies");
    if (dependencies == schema.end()) return fine;
    for (const auto& [key, needed] : dependencies->items()) {
      if (!map.contains(key)) continue;
      const bool holds = needed.is_array()
                             ? check_required(needed, map, pointer, ", as there is \"" + key + "\"")
                             : evaluate(needed, map, pointer);
      fine = holds && fine;
    }
    return fine;
  }

  bool check_required(const json& names, const json& map, const std::string& pointer,
                      const std::string& why) {
    bool fine = true;
    for (const auto& name : names) {
      const auto& key = name.get_ref<const std::string&>();
      if (map.contains(key)) continue;
      fine = false;
      if (quiet_ || violations_.size() >= most_violations) continue;
      violations_.push_back({pointer_to(pointer, key), "", "a value" + why});
    }
    return fine;
  }

  bool check_attribute(const json& schema, const std::string& key, const json& value,
                       const std::string& pointer) {
    const auto place = pointer_to(pointer, key);
    bool fine = true;
    bool named = false;
    if (const auto properties = schema.find("properties"); properties != schema.end()) {
      if (const auto own = properties->find(key); own != properties->end()) {
        named = true;
        fine = evaluate(*own, value, place);
      }
    }
    if (const auto patterns = schema.find("patternProperties"); patterns != schema.end()) {
      for (const auto& [expression, judge] : patterns->items()) {
        ++steps_;
        if (!schema_.patterns.find(expression)->second.occurs_in(key)) continue;
        named = true;
        fine = evaluate(judge, value, place) && fine;
      }
    }
    const auto further = schema.find("additionalProperties");
    if (named || further == schema.end()) return fine;
    if (*further == false) return complain(place, value, "no such attribute");
    return evaluate(*further, value, place);
  }

  bool check_combinations(const json& schema, const json& value, const std::string& pointer) {
    bool fine = true;
    if (const auto all = schema.find("allOf"); all != schema.end()) {
      for (const auto& one : *all) fine = evaluate(one, value, pointer) && fine;
    }
    for (const char* keyword : {"anyOf", "oneOf"}) {
      const auto found = schema.find(keyword);
      if (found != schema.end()) fine = check_choice(*found, keyword, value, pointer) && fine;
    }
    if (const auto no = schema.find("not"); no != schema.end() && satisfied(*no, value, pointer)) {
      fine = complain(pointer, value, "something else than \"not\" says");
    }
    const auto condition = schema.find("if");
    if (condition == schema.end()) return fine;
    const auto then = schema.find(satisfied(*condition, value, pointer) ? "then" : "else");
    if (then != schema.end()) fine = evaluate(*then, value, pointer) && fine;
    return fine;
  }

  bool check_choice(const json& choices, const std::string& keyword, const json& value,
                    const std::string& pointer) {
    const auto fitting = std::count_if(choices.begin(), choices.end(), [&](const json& one) {
      return satisfied(one, value, pointer);
    });
    if (keyword == "anyOf" ? fitting > 0 : fitting == 1) return true;
    if (fitting > 1) {
      return complain(pointer, value,
                      "exactly one choice of \"oneOf\", not " + std::to_string(fitting));
    }
    if (choices.size() == 1) return evaluate(choices.front(), value, pointer);
    std::string names;
    for (const auto& one : choices) {
      const auto name = one.is_object() ? one.value("title", one.value("type", json())) : json();
      if (!name.is_string()) continue;
      names += (names.empty() ? "" : ", ") + name.get<std::string>();
    }
    return complain(pointer, value,
                    "one of the " + std::to_string(choices.size()) + " choices of \"" + keyword +
                        "\"" + (names.empty() ? "" : ": " + names));
  }

  const CompiledSchema& schema_;
  std::vector<Violation> violations_;
  bool quiet_ = false;
  bool exhausted_ = false;
  std::size_t steps_ = 0;
  int depth_ = 0;
};

}  // namespace

std::string text_of(const std::vector<Violation>& violations) {
  std::string text;
  for (const auto& one : violations) {
    if (!text.empty()) text += '\n';
    text += one.pointer.empty() ? "(document)" : one.pointer;
    text += ": " + (one.found.empty() ? "missing" : one.found) + ", expected " + one.expected;
  }
  return text;
}

JsonSchema::JsonSchema(json document) {
  auto compiled = std::make_shared<CompiledSchema>();
  compiled->document = std::move(document);
  check_schema(*compiled);
  compiled_ = std::move(compiled);
}

std::vector<Violation> JsonSchema::violations(const json& document) const {
  return Evaluation(*compiled_).run(document);
}

const json& JsonSchema::document() const {
  return compiled_->document;
}

}  // namespace jobengine::json_schema
