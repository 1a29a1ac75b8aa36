// Which actions there are, and in which plugin each is. Plugins are described by short-lived action
// hosts: this process loads none of their code.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/json_schema/json_schema.hpp"
#include "common/runtime/asio.hpp"
#include "executor/hosts/host_process.hpp"
#include "executor/plugins/manifest.hpp"

namespace jobengine::executor {

struct CatalogEntry {
  Manifest manifest;
  std::string plugin_file;
  std::optional<json_schema::JsonSchema> payload_schema;
};

// Pure.
class Catalog {
 public:
  // The first of a name stays. Returns the plugin that has it already, or nothing when it is new.
  // Throws runtime::Failure when its payload-schema is no schema.
  std::optional<std::string> add(Manifest manifest, std::string plugin_file);
  // Known, but not offered here, and why: its jobs are left to others.
  void withhold(const std::string& action, std::string reason);
  // The entry of that name, else of the longest pattern it fits ("bulk_*"). Null when there is
  // none. An entry stays as it is for who holds it, whatever becomes of the catalog.
  std::shared_ptr<const CatalogEntry> find(std::string_view action) const;
  // Empty: it is not withheld.
  std::string why_withheld(std::string_view action) const;
  std::vector<std::string> names() const;
  std::size_t size() const { return actions_.size(); }
  // Keeps what may run without a queue, on an edge.
  void keep_pull_mode_only();

 private:
  std::map<std::string, std::shared_ptr<const CatalogEntry>, std::less<>> actions_;
  std::map<std::string, std::string, std::less<>> withheld_;  // by name or pattern: the reason
};

// Empty: an executor with these labels may offer the action.
std::string complaint_about_labels(const Manifest& manifest,
                                   const std::vector<std::string>& labels);

// Empty: the payload (JSON text; "" counts as {}) is what the entry's schema wants.
std::string complaint_about_payload(const CatalogEntry& entry, const std::string& payload);

struct ActionDirectory {
  std::string path;
  bool required = false;  // given by the user: that it cannot be read is an error
};

// <bin>/../lib/job-engine/actions, and beside it the folder of the install tree.
std::vector<ActionDirectory> default_action_directories(const std::string& program_path);

// Describes each *.so of the directories (in the order given, files by name), at most `limit` each.
// A file that is refused is logged with its reason and does not stop the others, and neither does
// an action name that is there already. Throws configuration::UsageError for a required directory
// that cannot be read.
awaitable<Catalog> scan_actions(asio::io_context& loop, HostCommand command,
                                std::vector<ActionDirectory> directories,
                                std::vector<std::string> labels = {},
                                runtime::Duration limit = std::chrono::seconds(20));

}  // namespace jobengine::executor
