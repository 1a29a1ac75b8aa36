// A built-in action, loaded from the build tree as the engine would load it.
#pragma once

#include <jobengine/testing.hpp>
#include <string>

#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {

class PluginAction {
 public:
  PluginAction(const std::string& plugin, const std::string& name)
      : file_(build_directory() + "/lib/job-engine/actions/" + plugin + ".so"),
        action_(file_.action(name)) {}
  testing::RunResult run(testing::FakeHost& host) const { return host.run(action_); }

 private:
  testing::PluginFile file_;
  const je_action& action_;
};

// Most plugins are named as their one action.
class BuiltinAction : public PluginAction {
 public:
  explicit BuiltinAction(const std::string& name) : PluginAction(name, name) {}
};

}  // namespace jobengine::tests
