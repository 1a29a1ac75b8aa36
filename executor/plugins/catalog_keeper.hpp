// Keeps the catalog as the actions directories are: reads them at the start and whenever they
// change. What happens in which case: executor/README.md, "New editions".
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/runtime/asio.hpp"
#include "common/runtime/event.hpp"
#include "executor/hosts/host_process.hpp"
#include "executor/plugins/catalog.hpp"
#include "executor/plugins/directory_watch.hpp"
#include "executor/plugins/edition_store.hpp"

namespace jobengine::executor {

// What of all that is found is offered.
struct CatalogRules {
  std::vector<std::string> labels;  // of this executor
  bool pull_mode_only = false;
};

struct CatalogKeeperOptions {
  HostCommand host_command;
  std::vector<ActionDirectory> directories;
  CatalogRules rules;
  runtime::Duration describe_limit = std::chrono::seconds(20);  // for one file
  // Changes are looked at when nothing happened for so long: files that come together are taken up
  // together.
  runtime::Duration quiet = std::chrono::milliseconds(200);
};

// Lives on the loop.
class CatalogKeeper {
 public:
  // `store`: where private copies are kept; null: files are loaded where they stand. It must
  // outlive all entries.
  CatalogKeeper(asio::io_context& loop, CatalogKeeperOptions options, EditionStore* store);
  ~CatalogKeeper();
  CatalogKeeper(const CatalogKeeper&) = delete;
  CatalogKeeper& operator=(const CatalogKeeper&) = delete;

  // The same object all the time; its content changes between two steps of the loop.
  const Catalog& catalog() const { return catalog_; }

  // Reads the directories. A file that is refused is logged with its reason and does not stop the
  // others, and neither does an action name that is there already. Throws
  // configuration::UsageError for a required directory that cannot be read.
  awaitable<void> start();
  // Takes up changes until `stopping` is raised. After start().
  awaitable<void> follow(runtime::Event& stopping);
  // Looks again, also at what was refused: SIGHUP.
  void look_again();

  // Called after each change of the catalog.
  std::function<void()> on_change;

  // For GET /actions.
  nlohmann::json report() const;

 private:
  struct File;
  struct Finding;

  std::vector<std::string> list(bool first);
  awaitable<void> scan(bool first);
  awaitable<void> examine(Finding& finding);
  awaitable<void> examine_plugin(Finding& finding);
  void examine_action_file(Finding& finding) const;
  void take_up(Finding& finding, bool first);
  void withdraw_missing(const std::vector<std::string>& found);
  void rebuild();
  void offer(Catalog& catalog, const std::shared_ptr<const CatalogEntry>& entry);
  void watch(const std::vector<std::string>& folders, const std::vector<std::string>& files);
  bool tell_once(const std::string& what) { return told_.insert(what).second; }

  asio::io_context& loop_;
  CatalogKeeperOptions options_;
  EditionStore* store_;
  Catalog catalog_;
  std::optional<DirectoryWatch> watch_;
  std::map<std::string, File> files_;
  std::vector<std::string> order_;    // the directories as given, the files of each by name
  std::set<std::string> unreadable_;  // directories; their files stay in service
  std::set<std::string> told_;
  runtime::Event changed_;
  bool again_ = false;  // what was refused is looked at again
};

// All of it once, for who runs one job and ends.
awaitable<Catalog> scan_actions(asio::io_context& loop, HostCommand command,
                                std::vector<ActionDirectory> directories,
                                std::vector<std::string> labels = {},
                                runtime::Duration limit = std::chrono::seconds(20));

}  // namespace jobengine::executor
