// Declarations of resource types in YAML (docs/resources.md).
#pragma once

#include <string>
#include <vector>

#include "api/cimi/generic_type.hpp"

namespace jobengine::api::cimi {

// Reads files, and of folders every *.yaml and *.yml, by name. Throws configuration::YamlError that
// names file, line, place and what was expected: also for a JSON Schema that is no good, a type
// declared twice or of a name that job-api itself uses, and attributes that would not satisfy the
// type's own schema.
GenericTypes read_generic_types(const std::vector<std::string>& paths);
// One document, for tests.
GenericTypes parse_generic_types(const std::string& text, const std::string& name_for_messages);

}  // namespace jobengine::api::cimi
