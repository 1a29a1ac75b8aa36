// A schema that was checked: its document, where its references lead, its patterns. Pure.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "common/json_schema/pattern.hpp"

namespace jobengine::json_schema {

using nlohmann::json;

// Pointers into `document`, which therefore never changes.
struct CompiledSchema {
  json document;
  std::map<std::string, const json*, std::less<>> references;  // "$ref" → the schema meant
  std::map<std::string, Pattern, std::less<>> patterns;

  CompiledSchema() = default;
  CompiledSchema(const CompiledSchema&) = delete;
  CompiledSchema& operator=(const CompiledSchema&) = delete;
};

// Fills the rest from `compiled.document`. Throws SchemaError for keywords with values that mean
// nothing, references that lead nowhere or outside, patterns that cannot be compiled, a schema that
// applies itself to the same value for ever, and one that is too large.
void check_schema(CompiledSchema& compiled);

// Calls `visit` with each schema directly within this one and its place ("properties/size").
// `in_place`: only those that look at the same value (allOf, if, …).
enum class Reach { All, InPlace };
void for_each_subschema(const json& schema, Reach reach,
                        const std::function<void(const json&, const std::string&)>& visit);

// "/a~1b" behind a pointer.
std::string pointer_to(const std::string& parent, const std::string& key);
// The value as JSON for messages, shortened.
std::string shown(const json& value);

}  // namespace jobengine::json_schema
