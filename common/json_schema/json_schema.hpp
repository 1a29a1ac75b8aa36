// JSON Schema, draft 7: what a document must look like, and what is wrong with one. Whatever the
// schema and the document are, memory and time stay bounded: patterns take linear time (RE2), depth
// and number of steps have limits. Pure.
//
// "format" and "content…" say something to readers only; "$ref" reaches within its own document.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace jobengine::json_schema {

// The schema itself is no good: "/properties/size/minimum: \"big\", expected a number".
class SchemaError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Violation {
  std::string pointer;   // RFC 6901; "" is the whole document
  std::string found;     // the value as JSON, shortened; "" when something is missing
  std::string expected;  // "a string", "at most 7"
};
// One line for each: "/size: \"big\", expected an integer".
std::string text_of(const std::vector<Violation>& violations);

struct CompiledSchema;

// Immutable; [any thread]. Cheap to copy.
class JsonSchema {
 public:
  // Throws SchemaError.
  explicit JsonSchema(nlohmann::json document);

  // What is wrong, at most 20 of it; empty when all is well.
  std::vector<Violation> violations(const nlohmann::json& document) const;

  // As it was given.
  const nlohmann::json& document() const;

 private:
  std::shared_ptr<const CompiledSchema> compiled_;
};

}  // namespace jobengine::json_schema
