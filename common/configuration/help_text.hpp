// What --help prints.
#pragma once

#include <string>
#include <vector>

#include "common/configuration/options.hpp"

namespace jobengine::configuration {

// `options`: those of `program` and the ones every program has.
std::string help_text(const ProgramDeclaration& program,
                      const std::vector<OptionDeclaration>& options);

}  // namespace jobengine::configuration
