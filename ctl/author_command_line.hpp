// The part of jobctl's command line about actions: `run` and `actions`.
#pragma once

#include <memory>
#include <string>

#include "ctl/command.hpp"

namespace CLI {
class App;
}

namespace jobengine::ctl {

class AuthorArguments {
 public:
  // Declares `run`, and `actions` with its own commands.
  explicit AuthorArguments(CLI::App& app);
  ~AuthorArguments();
  AuthorArguments(const AuthorArguments&) = delete;
  AuthorArguments& operator=(const AuthorArguments&) = delete;

  static bool knows(const std::string& name);
  // Of the one that was parsed. Reads the files its options name. Throws UsageError.
  Command chosen(const CLI::App& subcommand) const;

 private:
  struct Given;
  void declare_run(CLI::App& app);
  void declare_actions(CLI::App& app);
  Command chosen_run(const CLI::App& run) const;
  Command chosen_new() const;
  Command chosen_actions() const;
  std::unique_ptr<Given> given_;
};

}  // namespace jobengine::ctl
