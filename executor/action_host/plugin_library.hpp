// One action plugin, loaded into this process: an action host, or, for actions of isolation
// `shared`, the executor.
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

// The code. Stays loaded until the process ends: threads a plugin leaves behind must keep theirs.
class PluginFile {
 public:
  // Throws runtime::Failure with the reason a person can act on: not an ELF file, no entry symbol,
  // another ABI version.
  explicit PluginFile(const std::string& file);
  const je_plugin& plugin() const { return *plugin_; }

 private:
  const je_plugin* plugin_;
};

// One set of its actions, each for one run at a time.
class PluginLibrary {
 public:
  // Throws runtime::Failure as PluginFile does, and when create_action failed, for a bad manifest,
  // and for an action name that is there twice.
  explicit PluginLibrary(const std::string& file) : PluginLibrary(PluginFile(file)) {}
  explicit PluginLibrary(const PluginFile& file);
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
