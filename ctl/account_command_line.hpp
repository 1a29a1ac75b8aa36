// The part of jobctl's command line about users, groups and API keys.
#pragma once

#include <memory>
#include <string>

#include "ctl/command.hpp"

namespace CLI {
class App;
}

namespace jobengine::ctl {

class AccountArguments {
 public:
  // Declares `user`, `group` and `api-key`, each with its own commands.
  explicit AccountArguments(CLI::App& app);
  ~AccountArguments();
  AccountArguments(const AccountArguments&) = delete;
  AccountArguments& operator=(const AccountArguments&) = delete;

  static bool knows(const std::string& name);
  // Of the one that was parsed. Reads a new password where one is needed. Throws UsageError.
  Command chosen(const CLI::App& subcommand) const;

 private:
  struct Given;
  std::unique_ptr<Given> given_;
};

}  // namespace jobengine::ctl
