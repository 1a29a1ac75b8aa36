// Which actions there are, and in which file each is. Pure.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/json_schema/json_schema.hpp"
#include "executor/plugins/edition_store.hpp"
#include "executor/plugins/manifest.hpp"

namespace jobengine::executor {

struct CatalogEntry {
  Manifest manifest;
  std::string plugin_file;  // what hosts load: a private copy, or the file itself
  std::string source_file;  // where it was found
  int edition = 1;          // of that file, in the life of this process
  std::string loaded_at;    // RFC 3339
  std::optional<json_schema::JsonSchema> payload_schema;
  std::shared_ptr<const PrivateCopy> copy;  // stays as long as an entry needs it; null: none
};
// Of a file that is loaded where it stands. Throws ManifestError when its payload-schema is none.
CatalogEntry make_entry(Manifest manifest, std::string plugin_file);

class Catalog {
 public:
  // The first of a name stays. Returns the file that has it already, or nothing when it is new.
  std::optional<std::string> add(std::shared_ptr<const CatalogEntry> entry);
  // Throws as make_entry().
  std::optional<std::string> add(Manifest manifest, std::string plugin_file);
  // Known, but not offered here, and why: its jobs are left to others.
  void withhold(const std::string& action, std::string reason);
  // The entry of that name, else of the longest pattern it fits ("bulk_*"). Null when there is
  // none. An entry stays as it is for who holds it, whatever becomes of the catalog.
  std::shared_ptr<const CatalogEntry> find(std::string_view action) const;
  // Empty: it is not withheld.
  std::string why_withheld(std::string_view action) const;
  std::vector<std::string> names() const;
  std::set<std::string> plugin_files() const;
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

}  // namespace jobengine::executor
