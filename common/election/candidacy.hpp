// Am I first, and whom do I watch: kazoo's contender names. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::election {

// The sequence at the end of "<anything>__lock__0000000012"; nothing for other names.
std::optional<std::string_view> sequence_of(std::string_view name);

// The contenders among `names`, leader first. As kazoo does, sequences are compared as texts.
std::vector<std::string> in_order(const std::vector<std::string>& names);

struct Standing {
  bool listed = false;      // we are in the list at all
  std::string predecessor;  // the contender right before us; empty when we are first
};
Standing standing_of(const std::vector<std::string>& names, const std::string& own_name);

// "<32 hex>__lock__", never twice the same.
std::string random_contender_prefix();

}  // namespace jobengine::election
