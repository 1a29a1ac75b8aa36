#include "executor/plugins/catalog.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "executor/plugins/payload_check.hpp"

namespace jobengine::executor {

namespace {

namespace fs = std::filesystem;

// Of the names that fit an action: the action's own, else the longest pattern.
template <class Value>
auto best_fit(const std::map<std::string, Value, std::less<>>& by_name, std::string_view action) {
  auto best = by_name.find(action);
  if (best != by_name.end()) return best;
  for (auto it = by_name.begin(); it != by_name.end(); ++it) {
    const std::string_view name = it->first;
    if (!name.ends_with('*') || !action.starts_with(name.substr(0, name.size() - 1))) continue;
    if (best == by_name.end() || name.size() > best->first.size()) best = it;
  }
  return best;
}

}  // namespace

CatalogEntry make_entry(Manifest manifest, std::string plugin_file) {
  CatalogEntry entry;
  entry.payload_schema = payload_schema_of(manifest);
  entry.manifest = std::move(manifest);
  entry.source_file = plugin_file;
  entry.plugin_file = std::move(plugin_file);
  return entry;
}

std::optional<std::string> Catalog::add(std::shared_ptr<const CatalogEntry> entry) {
  const std::string name = entry->manifest.name;
  const auto [place, added] = actions_.try_emplace(name, std::move(entry));
  if (added) return std::nullopt;
  return place->second->source_file;
}

std::optional<std::string> Catalog::add(Manifest manifest, std::string plugin_file) {
  return add(std::make_shared<const CatalogEntry>(
      make_entry(std::move(manifest), std::move(plugin_file))));
}

void Catalog::withhold(const std::string& action, std::string reason) {
  withheld_.try_emplace(action, std::move(reason));
}

std::shared_ptr<const CatalogEntry> Catalog::find(std::string_view action) const {
  const auto found = best_fit(actions_, action);
  if (found == actions_.end()) return nullptr;
  // What is withheld is not done by a pattern that fits less well.
  const auto withheld = best_fit(withheld_, action);
  const bool better = withheld != withheld_.end() && found->first != action &&
                      (withheld->first == action || withheld->first.size() > found->first.size());
  return better ? nullptr : found->second;
}

std::string Catalog::why_withheld(std::string_view action) const {
  const auto found = best_fit(withheld_, action);
  return found == withheld_.end() ? "" : found->second;
}

std::string complaint_about_labels(const Manifest& manifest,
                                   const std::vector<std::string>& labels) {
  std::string missing;
  std::size_t count = 0;
  for (const std::string& label : manifest.labels) {
    if (std::find(labels.begin(), labels.end(), label) != labels.end()) continue;
    missing += (count++ == 0 ? "" : ", ") + label;
  }
  if (count == 0) return {};
  return "needs the " + std::string(count == 1 ? "label " : "labels ") + missing +
         ", which this executor lacks";
}

std::string complaint_about_payload(const CatalogEntry& entry, const std::string& payload) {
  return complaint_about_payload(entry.payload_schema, payload);
}

std::vector<std::string> Catalog::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : actions_) names.push_back(name);
  return names;
}

std::set<std::string> Catalog::plugin_files() const {
  std::set<std::string> files;
  for (const auto& [name, entry] : actions_) files.insert(entry->plugin_file);
  return files;
}

void Catalog::keep_pull_mode_only() {
  std::erase_if(actions_, [](const auto& item) { return !item.second->manifest.pull_mode; });
}

std::vector<ActionDirectory> default_action_directories(const std::string& program_path) {
  const fs::path root = fs::path(program_path).parent_path().parent_path();
  std::vector<ActionDirectory> result;
  result.push_back({(root / "lib/job-engine/actions").string(), false});
#ifdef JE_INSTALLED_ACTIONS
  const std::string installed = (root / JE_INSTALLED_ACTIONS).lexically_normal().string();
  if (installed != result.front().path) result.push_back({installed, false});
#endif
  return result;
}

}  // namespace jobengine::executor
