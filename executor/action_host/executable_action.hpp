// A program beside a manifest as an action: a je_action whose run() starts the program and
// translates what it says (docs/protocols/executable_actions.md).
#pragma once

#include <jobengine/plugin_abi.h>

#include <string>
#include <string_view>
#include <vector>

#include "executor/plugins/manifest.hpp"

namespace jobengine::executor {

class ExecutableAction {
 public:
  // Programs run in `folder`, an absolute path. Throws runtime::Failure when the manifest names no
  // command.
  ExecutableAction(Manifest manifest, std::string folder);
  // Of the file <anything>.action.yaml. Throws runtime::Failure saying what is wrong with it.
  explicit ExecutableAction(const std::string& manifest_file);
  ExecutableAction(const ExecutableAction&) = delete;
  ExecutableAction& operator=(const ExecutableAction&) = delete;

  const je_action& action() const { return action_; }
  std::vector<Manifest> manifests() const { return {manifest_}; }
  // Null when it has another name.
  const je_action* find(std::string_view name) const;

 private:
  struct Description {
    Manifest manifest;
    std::string folder;
  };
  static Description read(const std::string& manifest_file);
  explicit ExecutableAction(Description description);
  static std::int32_t run(void* state, const je_host* host, je_job* job);
  std::int32_t run_program(const je_host& host, je_job* job) const;

  Manifest manifest_;
  std::string folder_;
  std::string manifest_text_;
  je_action action_{};
};

}  // namespace jobengine::executor
