#include "executor/plugins/catalog_keeper.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/configuration/options.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "common/telemetry/log.hpp"
#include "executor/plugins/action_file.hpp"
#include "executor/plugins/describe.hpp"

namespace jobengine::executor {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using runtime::Failure;
using EntryPointer = std::shared_ptr<const CatalogEntry>;

// A writer that never rests does not keep the others from being taken up.
constexpr int most_quiet_waits = 20;

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

// The names of both sorts in `folder`; `error`, when it cannot be read.
void add_names(const fs::path& folder, std::vector<std::string>& files,
               std::vector<std::string>* subfolders, std::error_code& error) {
  std::vector<std::string> found;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string path = it->path().string();
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    // Hidden ones are the scaffolding of mounted volumes ("..data") and of editors.
    if (name.starts_with('.')) continue;
    if (is_plugin_file(name) || is_action_file(name)) {
      found.push_back(path);
    } else if (subfolders != nullptr && it->is_directory(ignored)) {
      subfolders->push_back(path);
    }
  }
  std::sort(found.begin(), found.end());
  files.insert(files.end(), found.begin(), found.end());
  if (subfolders != nullptr) std::sort(subfolders->begin(), subfolders->end());
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

std::string names_of(const std::vector<EntryPointer>& entries) {
  std::string names;
  for (const auto& entry : entries) names += (names.empty() ? "" : " ") + entry->manifest.name;
  return names;
}

}  // namespace

struct CatalogKeeper::File {
  std::optional<FileVersion> version;  // as it was examined last
  std::vector<EntryPointer> actions;   // in service
  std::string refused;                 // why what was examined last is not in service
  std::vector<std::string> warnings;
  int editions = 0;
};

// One look at one file.
struct CatalogKeeper::Finding {
  std::string file;
  FileVersion version;
  std::shared_ptr<const PrivateCopy> copy;
  std::vector<CatalogEntry> actions;
  std::vector<std::string> warnings;
  std::string refused;
};

CatalogKeeper::CatalogKeeper(asio::io_context& loop, CatalogKeeperOptions options,
                             EditionStore* store)
    : loop_(loop), options_(std::move(options)), store_(store) {}

CatalogKeeper::~CatalogKeeper() = default;

awaitable<void> CatalogKeeper::start() {
  if (store_ != nullptr) {
    try {
      watch_.emplace(loop_, [this] { changed_.raise(); });
    } catch (const Failure& failure) {
      telemetry::warning("changes of the actions directories are not noticed; SIGHUP tells of them",
                         {{"error", failure.what()}});
    }
  }
  co_await scan(true);
}

awaitable<void> CatalogKeeper::follow(runtime::Event& stopping) {
  runtime::TaskGroup reading(loop_.get_executor());
  if (watch_) reading.spawn(watch_->read());
  while (!stopping.raised()) {
    co_await runtime::Event::wait_either(changed_, stopping, runtime::TimePoint::max());
    for (int i = 0; changed_.raised() && !stopping.raised() && i < most_quiet_waits; ++i) {
      changed_.reset();
      co_await stopping.wait_for(options_.quiet);
    }
    if (stopping.raised()) break;
    changed_.reset();
    co_await scan(false);
  }
  if (watch_) watch_->close();
  co_await reading.join();
}

void CatalogKeeper::look_again() {
  again_ = true;
  changed_.raise();
}

// ---- looking

void CatalogKeeper::watch(const std::vector<std::string>& folders,
                          const std::vector<std::string>& files) {
  if (!watch_) return;
  for (const std::string& complaint : watch_->cover(folders, files)) {
    if (!tell_once(complaint)) continue;
    telemetry::warning("a folder cannot be watched for changes; SIGHUP tells of them",
                       {{"error", complaint}});
  }
}

// Watches what it lists before it lists it.
std::vector<std::string> CatalogKeeper::list(bool first) {
  std::vector<std::string> folders;
  std::vector<std::string> watched;
  for (const ActionDirectory& directory : options_.directories) {
    std::vector<std::string> subfolders;
    // What cannot be read is told below, where its files are wanted.
    std::error_code unheeded;
    add_names(directory.path, watched, &subfolders, unheeded);
    for (const std::string& subfolder : subfolders) {
      add_names(subfolder, watched, nullptr, unheeded);
    }
    folders.push_back(directory.path);
    folders.insert(folders.end(), subfolders.begin(), subfolders.end());
  }
  watch(folders, watched);

  std::vector<std::string> files;
  unreadable_.clear();
  for (const ActionDirectory& directory : options_.directories) {
    std::vector<std::string> subfolders;
    std::error_code error;
    add_names(directory.path, files, &subfolders, error);
    if (error && first && directory.required) {
      throw configuration::UsageError("--actions-dir: the directory " + directory.path +
                                      " cannot be read: " + error.message());
    }
    if (error) unreadable_.insert(directory.path);
    for (const std::string& subfolder : subfolders) {
      std::error_code unheeded;
      add_names(subfolder, files, nullptr, unheeded);
    }
  }
  return files;
}

awaitable<void> CatalogKeeper::scan(bool first) {
  const bool again = std::exchange(again_, false);
  std::vector<std::string> found = list(first);
  std::vector<Finding> findings;
  for (const std::string& file : found) {
    const auto version = version_of(file);
    if (!version) continue;
    const File& known = files_[file];
    // A program that was missing may be there now.
    const bool retry = !known.refused.empty() && (again || is_action_file(file));
    if (known.version == version && !retry) continue;
    Finding finding;
    finding.file = file;
    finding.version = *version;
    findings.push_back(std::move(finding));
  }
  runtime::TaskGroup tasks(loop_.get_executor());
  for (Finding& finding : findings) tasks.spawn(examine(finding));
  co_await tasks.join();

  for (Finding& finding : findings) take_up(finding, first);
  withdraw_missing(found);
  order_ = std::move(found);
  rebuild();
}

awaitable<void> CatalogKeeper::examine(Finding& finding) {
  try {
    if (is_action_file(finding.file)) {
      examine_action_file(finding);
    } else {
      co_await examine_plugin(finding);
    }
  } catch (const Failure& failure) {
    finding.refused = failure.what();
  }
}

void CatalogKeeper::examine_action_file(Finding& finding) const {
  ActionFile action = read_action_file(finding.file);
  finding.warnings = std::move(action.warnings);
  if (store_ != nullptr) {
    finding.copy = store_->copy_as(finding.file, text_for_elsewhere(action));
  }
  finding.actions.push_back(make_entry(std::move(action.manifest), finding.file));
}

awaitable<void> CatalogKeeper::examine_plugin(Finding& finding) {
  if (store_ != nullptr) finding.copy = store_->copy(finding.file);
  std::string file = finding.copy ? finding.copy->file() : finding.file;
  HostCommand command = options_.host_command;
  Description description =
      co_await describe_plugin(loop_, std::move(command), std::move(file), options_.describe_limit);
  // A plugin may need what stands beside it ($ORIGIN), or temporary files may not be executed.
  if (finding.copy && description.refused.find("cannot be loaded") != std::string::npos) {
    HostCommand same = options_.host_command;
    std::string original = finding.file;
    Description there = co_await describe_plugin(loop_, std::move(same), std::move(original),
                                                 options_.describe_limit);
    if (there.refused.empty()) {
      finding.copy.reset();
      finding.warnings.push_back("it can only be loaded where it stands (" + description.refused +
                                 "): never write into it, replace it by renaming");
      description = std::move(there);
    }
  }
  if (finding.copy) replace_all(description.refused, finding.copy->file(), finding.file);
  finding.refused = std::move(description.refused);
  for (Manifest& manifest : description.actions) {
    finding.actions.push_back(make_entry(std::move(manifest), finding.file));
  }
}

// ---- taking up

void CatalogKeeper::take_up(Finding& finding, bool first) {
  // Written meanwhile: what was seen is neither the old edition nor the new one.
  if (version_of(finding.file) != finding.version) {
    changed_.raise();
    return;
  }
  File& file = files_[finding.file];
  file.version = finding.version;
  for (const std::string& warning : finding.warnings) {
    telemetry::warning("an action file is not quite right",
                       {{"plugin", finding.file}, {"reason", warning}});
  }
  file.warnings = std::move(finding.warnings);
  if (!finding.refused.empty()) {
    if (file.refused != finding.refused) {
      telemetry::warning(file.actions.empty()
                             ? "a plugin was not loaded"
                             : "a changed file is refused; its former edition stays in service",
                         {{"plugin", finding.file}, {"reason", finding.refused}});
    }
    file.refused = std::move(finding.refused);
    return;
  }
  file.refused.clear();
  file.actions.clear();
  ++file.editions;
  for (CatalogEntry& entry : finding.actions) {
    entry.edition = file.editions;
    entry.loaded_at = now_text();
    entry.copy = finding.copy;
    if (finding.copy) entry.plugin_file = finding.copy->file();
    file.actions.push_back(std::make_shared<const CatalogEntry>(std::move(entry)));
  }
  if (first) return;
  telemetry::info(
      "a new edition is in service",
      {{"plugin", finding.file}, {"edition", file.editions}, {"actions", names_of(file.actions)}});
}

void CatalogKeeper::withdraw_missing(const std::vector<std::string>& found) {
  const std::set<std::string> present(found.begin(), found.end());
  for (auto it = files_.begin(); it != files_.end();) {
    const std::string& file = it->first;
    const bool unknown = std::any_of(
        unreadable_.begin(), unreadable_.end(),
        [&](const std::string& directory) { return file.starts_with(directory + "/"); });
    const bool gone = !present.contains(file) || !version_of(file);
    if (!gone || (unknown && !it->second.actions.empty())) {
      if (gone && tell_once(file + " unreadable")) {
        telemetry::warning("an actions directory cannot be read; its actions stay in service",
                           {{"plugin", file}});
      }
      ++it;
      continue;
    }
    if (!it->second.actions.empty()) {
      telemetry::info("a file is gone, its actions are withdrawn",
                      {{"plugin", file}, {"actions", names_of(it->second.actions)}});
    }
    it = files_.erase(it);
  }
}

void CatalogKeeper::offer(Catalog& catalog, const EntryPointer& entry) {
  const Manifest& manifest = entry->manifest;
  std::string complaint = complaint_about_labels(manifest, options_.rules.labels);
  if (!complaint.empty()) {
    if (tell_once(manifest.name + " " + complaint)) {
      telemetry::info("an action is not offered here",
                      {{"action", manifest.name}, {"reason", complaint}});
    }
    catalog.withhold(manifest.name, std::move(complaint));
    return;
  }
  const auto first = catalog.add(entry);
  if (!first || !tell_once(manifest.name + " is in " + *first + " and " + entry->source_file)) {
    return;
  }
  telemetry::warning(
      "an action is there already; the first plugin keeps it",
      {{"action", manifest.name}, {"plugin", entry->source_file}, {"first", *first}});
}

// In the order of the directories; those that cannot be read now keep their files at the end.
void CatalogKeeper::rebuild() {
  std::vector<std::string> order;
  for (const std::string& file : order_) {
    if (files_.contains(file)) order.push_back(file);
  }
  for (const auto& [file, known] : files_) {
    if (std::find(order_.begin(), order_.end(), file) == order_.end()) order.push_back(file);
  }
  Catalog catalog;
  for (const std::string& file : order) {
    for (const EntryPointer& entry : files_.at(file).actions) offer(catalog, entry);
  }
  if (options_.rules.pull_mode_only) catalog.keep_pull_mode_only();
  catalog_ = std::move(catalog);
  if (catalog_.size() == 0) {
    std::string searched;
    for (const ActionDirectory& directory : options_.directories) {
      searched += (searched.empty() ? "" : " ") + directory.path;
    }
    telemetry::warning("no actions were found", {{"directories", searched}});
  }
  if (on_change) on_change();
}

json CatalogKeeper::report() const {
  json actions = json::array();
  json refused = json::array();
  for (const auto& [path, file] : files_) {
    for (const EntryPointer& entry : file.actions) {
      const Manifest& manifest = entry->manifest;
      const auto offered = catalog_.find(manifest.name);
      json one = {{"name", manifest.name},
                  {"manifest", to_json(manifest)},
                  {"file", path},
                  {"edition", entry->edition},
                  {"loaded-at", entry->loaded_at},
                  {"offered", offered == entry}};
      if (offered != entry) {
        const std::string withheld = catalog_.why_withheld(manifest.name);
        const bool other = offered && offered->manifest.name == manifest.name;
        one["reason"] = !withheld.empty() ? withheld
                        : other           ? "is in " + offered->source_file + " already"
                                          : "has no pull mode";
      }
      actions.push_back(std::move(one));
    }
    if (file.refused.empty()) continue;
    refused.push_back({{"file", path},
                       {"reason", file.refused},
                       {"former-edition-in-service", !file.actions.empty()}});
  }
  return {{"labels", options_.rules.labels}, {"actions", actions}, {"refused", refused}};
}

awaitable<Catalog> scan_actions(asio::io_context& loop, HostCommand command,
                                std::vector<ActionDirectory> directories,
                                std::vector<std::string> labels, runtime::Duration limit) {
  CatalogKeeperOptions options;
  options.host_command = std::move(command);
  options.directories = std::move(directories);
  options.rules.labels = std::move(labels);
  options.describe_limit = limit;
  CatalogKeeper keeper(loop, std::move(options), nullptr);
  co_await keeper.start();
  co_return keeper.catalog();
}

}  // namespace jobengine::executor
