// "did you mean …?" for names that are not known. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jobengine::configuration {

// The name of `known` with the fewest edits to `name`; "" when none is close enough to be meant.
std::string nearest_name(std::string_view name, const std::vector<std::string>& known);

}  // namespace jobengine::configuration
