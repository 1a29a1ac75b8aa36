// One action plugin, loaded into this process; only ever in an action host.
// Contract: actions/sdk/include/jobengine/plugin_abi.h.
#pragma once

#include <jobengine/plugin_abi.h>

#include <string>
#include <string_view>
#include <vector>

#include "executor/plugins/manifest.hpp"

namespace jobengine::executor {

struct LoadedAction {
  Manifest manifest;
  je_action action{};
};

// Stays loaded until the process ends: threads a plugin leaves behind must keep their code.
class PluginLibrary {
 public:
  // Throws runtime::Failure with the reason a person can act on: not an ELF file, no entry symbol,
  // another ABI version, create_action failed, a bad manifest, an action name twice.
  explicit PluginLibrary(const std::string& file);
  // Calls destroy() of each action.
  ~PluginLibrary();
  PluginLibrary(const PluginLibrary&) = delete;
  PluginLibrary& operator=(const PluginLibrary&) = delete;

  std::vector<Manifest> manifests() const;
  // Null when this plugin has no action of that name.
  const je_action* find(std::string_view name) const;

 private:
  void create_actions(const je_plugin& plugin);
  void destroy_actions();

  std::vector<LoadedAction> actions_;
};

}  // namespace jobengine::executor
