// A built-in action, loaded from the build tree as the engine would load it.
#pragma once

#include <jobengine/testing.hpp>
#include <string>

#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {

class BuiltinAction {
 public:
  explicit BuiltinAction(const std::string& name)
      : file_(build_directory() + "/lib/job-engine/actions/" + name + ".so"),
        action_(file_.action(name)) {}
  testing::RunResult run(testing::FakeHost& host) const { return host.run(action_); }

 private:
  testing::PluginFile file_;
  const je_action& action_;
};

}  // namespace jobengine::tests
