#include "executor/plugins/catalog.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "common/configuration/options.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "common/telemetry/log.hpp"
#include "executor/hosts/orphans.hpp"

namespace jobengine::executor {

namespace {

namespace fs = std::filesystem;
using runtime::Failure;

std::vector<std::string> plugin_files(const ActionDirectory& directory) {
  std::error_code error;
  std::vector<std::string> files;
  for (fs::directory_iterator it(directory.path, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".so") files.push_back(it->path().string());
  }
  if (error && directory.required) {
    throw configuration::UsageError("--actions-dir: the directory " + directory.path +
                                    " cannot be read: " + error.message());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// One run of `job-action-host --describe`.
struct Description {
  std::string file;
  std::vector<Manifest> actions;
  std::string refused;
};

void read_answer(const std::string& answer, Description& description) {
  LineBuffer lines;
  lines.append(answer);
  while (auto line = lines.next()) {
    const auto document = nlohmann::json::parse(*line, nullptr, false);
    if (document.is_object() && document.contains("refused")) {
      description.refused = document["refused"].get<std::string>();
      return;
    }
    description.actions.push_back(manifest_of(document));
  }
}

std::string verdict(const runtime::ChildProcess& child, bool in_time, runtime::Duration limit) {
  if (!in_time) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
    return "did not finish loading within " + std::to_string(seconds) + " s";
  }
  return "a process that loads it is " + child.status().text();
}

awaitable<void> describe_plugin(asio::io_context& loop, const HostCommand& command,
                                runtime::Duration limit, Description& description) {
  std::string answer;
  auto take = [&answer](std::string_view line) { answer.append(line) += '\n'; };
  OutputTail printed;
  auto keep = [&printed](std::string_view line) { printed.keep(line); };
  OutputPipe standard_output(loop, take, longest_line);
  OutputPipe standard_error(loop, keep);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const runtime::SpawnRequest request = host_request(
      command, "--describe", description.file,
      {{nothing, 0}, {standard_output.write_end(), 1}, {standard_error.write_end(), 2}});
  runtime::ChildProcess child = runtime::ChildProcess::spawn(loop, request);
  ::close(nothing);
  standard_output.close_write_end();
  standard_error.close_write_end();

  runtime::TaskGroup readers(loop.get_executor());
  readers.spawn(standard_output.read());
  readers.spawn(standard_error.read());
  const bool in_time = co_await child.exited().wait_for(limit);
  if (!in_time) child.signal_group(SIGKILL);
  co_await child.exited().wait();
  co_await end_orphans();
  constexpr auto last_words = std::chrono::milliseconds(300);
  co_await standard_output.ended().wait_for(last_words);
  standard_output.close();
  standard_error.close();
  co_await readers.join();

  try {
    if (in_time) read_answer(answer, description);
  } catch (const Failure& failure) {
    description.refused = failure.what();
  }
  if (!description.refused.empty()) co_return;
  if (!in_time || !child.status().success()) {
    description.refused = verdict(child, in_time, limit);
    if (!printed.empty()) description.refused += "; it printed: " + printed.text();
  } else if (description.actions.empty()) {
    description.refused = "ended its process while it was loaded";
  }
}

void add_to(Catalog& catalog, const Description& description,
            const std::vector<std::string>& labels) {
  if (!description.refused.empty()) {
    telemetry::warning("a plugin was not loaded",
                       {{"plugin", description.file}, {"reason", description.refused}});
    return;
  }
  for (const Manifest& manifest : description.actions) {
    if (std::string complaint = complaint_about_labels(manifest, labels); !complaint.empty()) {
      telemetry::info("an action is not offered here",
                      {{"action", manifest.name}, {"reason", complaint}});
      catalog.withhold(manifest.name, std::move(complaint));
      continue;
    }
    try {
      const auto first = catalog.add(manifest, description.file);
      if (!first) continue;
      telemetry::warning(
          "an action is there already; the first plugin keeps it",
          {{"action", manifest.name}, {"plugin", description.file}, {"first", *first}});
    } catch (const Failure& failure) {
      telemetry::warning(
          "an action was not loaded",
          {{"action", manifest.name}, {"plugin", description.file}, {"reason", failure.what()}});
    }
  }
}

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

std::optional<std::string> Catalog::add(Manifest manifest, std::string plugin_file) {
  const auto there = actions_.find(manifest.name);
  if (there != actions_.end()) return there->second->plugin_file;
  CatalogEntry entry;
  if (!manifest.payload_schema.is_null()) {
    try {
      entry.payload_schema.emplace(manifest.payload_schema);
    } catch (const json_schema::SchemaError& error) {
      throw Failure("\"payload-schema\" of " + manifest.name +
                    " is no JSON Schema: " + error.what());
    }
  }
  const std::string name = manifest.name;
  entry.manifest = std::move(manifest);
  entry.plugin_file = std::move(plugin_file);
  actions_.emplace(name, std::make_shared<const CatalogEntry>(std::move(entry)));
  return std::nullopt;
}

void Catalog::withhold(const std::string& action, std::string reason) {
  withheld_.try_emplace(action, std::move(reason));
}

std::shared_ptr<const CatalogEntry> Catalog::find(std::string_view action) const {
  const auto found = best_fit(actions_, action);
  return found == actions_.end() ? nullptr : found->second;
}

std::string Catalog::why_withheld(std::string_view action) const {
  const auto found = best_fit(withheld_, action);
  return found == withheld_.end() ? "" : found->second;
}

std::string complaint_about_labels(const Manifest& manifest,
                                   const std::vector<std::string>& labels) {
  std::string missing;
  for (const std::string& label : manifest.labels) {
    if (std::find(labels.begin(), labels.end(), label) != labels.end()) continue;
    missing += (missing.empty() ? "" : ", ") + label;
  }
  if (missing.empty()) return {};
  return "it needs what this executor's --labels do not name: " + missing;
}

std::string complaint_about_payload(const CatalogEntry& entry, const std::string& payload) {
  if (!entry.payload_schema) return {};
  const auto document =
      payload.empty() ? nlohmann::json::object() : nlohmann::json::parse(payload, nullptr, false);
  if (document.is_discarded()) return "it is not JSON";
  const auto violations = entry.payload_schema->violations(document);
  return violations.empty() ? "" : json_schema::text_of(violations);
}

std::vector<std::string> Catalog::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : actions_) names.push_back(name);
  return names;
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

awaitable<Catalog> scan_actions(asio::io_context& loop, HostCommand command,
                                std::vector<ActionDirectory> directories,
                                std::vector<std::string> labels, runtime::Duration limit) {
  std::vector<Description> descriptions;
  for (const ActionDirectory& directory : directories) {
    for (std::string& file : plugin_files(directory)) {
      descriptions.push_back({std::move(file), {}, {}});
    }
  }
  runtime::TaskGroup tasks(loop.get_executor());
  for (Description& description : descriptions) {
    tasks.spawn(describe_plugin(loop, command, limit, description));
  }
  co_await tasks.join();

  Catalog catalog;
  for (const Description& description : descriptions) add_to(catalog, description, labels);
  if (catalog.size() == 0) {
    std::string searched;
    for (const ActionDirectory& directory : directories) {
      searched += (searched.empty() ? "" : " ") + directory.path;
    }
    telemetry::warning("no actions were found", {{"directories", searched}});
  }
  co_return catalog;
}

}  // namespace jobengine::executor
