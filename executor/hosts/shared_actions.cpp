#include "executor/hosts/shared_actions.hpp"

namespace jobengine::executor {

SharedActions::SharedActions(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name == "all") {
      all_ = true;
    } else if (!name.empty()) {
      names_.insert(name);
    }
  }
}

bool SharedActions::allow(std::string_view action) const {
  return all_ || names_.contains(action);
}

}  // namespace jobengine::executor
