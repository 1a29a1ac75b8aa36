#include "distributor/distribution_settings.hpp"

#include <algorithm>
#include <charconv>

#include "common/configuration/options.hpp"
#include "distributor/distribution_draft.hpp"

namespace jobengine::distributor {

namespace {

using configuration::UsageError;
using configuration::YamlNode;
using Drafts = std::vector<DistributionDraft>;

constexpr const char* cleanup_name = "cleanup_jobs";
constexpr const char* monitor_name = "monitor_bulk_job";
constexpr const char* monitor_name_in_nuvla = "monitor_bulk_jobs";

DistributionDraft cleanup_jobs() {
  DistributionDraft draft;
  draft.name = cleanup_name;
  draft.every = std::chrono::hours(24);
  draft.job.action = cleanup_name;
  draft.job.target = "job";
  return draft;
}

DistributionDraft monitor_bulk_job() {
  DistributionDraft draft;
  draft.name = monitor_name;
  draft.every = std::chrono::seconds(30);
  draft.for_each =
      ForEach{"job", "action^=\"bulk\" and state=\"RUNNING\" and tags=\"monitor\"", {}};
  draft.job.action = monitor_name;
  draft.job.target = "${id}";
  return draft;
}

DistributionDraft queue_keeper() {
  DistributionDraft draft;
  draft.name = keeper_name;
  draft.every = std::chrono::seconds(15);
  return draft;
}

std::string election_name(const std::string& name) {
  return name == monitor_name_in_nuvla ? monitor_name : name;
}

DistributionDraft* find(Drafts& drafts, const std::string& name) {
  const auto found = std::find_if(
      drafts.begin(), drafts.end(),
      [&](const DistributionDraft& draft) { return draft.name == election_name(name); });
  return found == drafts.end() ? nullptr : &*found;
}

// It becomes the name of znodes.
bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 100 && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
         });
}

void apply_file(const YamlNode& node, Drafts& drafts) {
  if (node.is_null()) return;
  if (!node.is_map()) node.refuse("expected a map from names to distributions");
  for (const auto& [name, value] : node.entries()) {
    if (!is_name(name)) {
      value.refuse("\"" + name +
                   "\" is no name for a distribution (expected letters, digits, _ - .)");
    }
    DistributionDraft* draft = find(drafts, name);
    if (draft == nullptr) {
      draft = &drafts.emplace_back();
      draft->name = name;
      draft->job.action = name;
    }
    apply(value, *draft);
  }
}

[[noreturn]] void unknown(const std::string& option, const std::string& name,
                          const Drafts& drafts) {
  std::string known;
  for (const DistributionDraft& draft : drafts) known += (known.empty() ? "" : ", ") + draft.name;
  throw UsageError("--" + option + ": unknown distribution \"" + name + "\" (known: " + known +
                   ")");
}

void apply_excludes(const std::vector<std::string>& names, Drafts& drafts) {
  for (const std::string& name : names) {
    DistributionDraft* draft = find(drafts, name);
    if (draft == nullptr) unknown("distribution-exclude", name, drafts);
    draft->enabled = false;
  }
}

void apply_intervals(const std::vector<std::string>& intervals, Drafts& drafts) {
  constexpr const char* option = "distribution-interval";
  for (const std::string& text : intervals) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) {
      throw UsageError("--distribution-interval: \"" + text +
                       "\" has no colon (expected NAME:SECONDS)");
    }
    const std::string name = text.substr(0, colon);
    const std::string number = text.substr(colon + 1);
    DistributionDraft* draft = find(drafts, name);
    if (draft == nullptr) unknown(option, name, drafts);
    int seconds = 0;
    const char* end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data(), end, seconds);
    if (error != std::errc() || stop != end || seconds < 1) {
      throw UsageError("--distribution-interval: \"" + number + "\" in \"" + text +
                       "\" is no number of seconds (expected a whole number from 1)");
    }
    draft->every = std::chrono::seconds(seconds);
    draft->cron.reset();
    if (draft->jitter >= *draft->every) draft->jitter = Span(0);
  }
}

}  // namespace

DistributorSettings read_distributions(const std::optional<YamlNode>& configured,
                                       const DistributionChoices& choices) {
  Drafts drafts{cleanup_jobs(), monitor_bulk_job(), queue_keeper()};
  if (configured) apply_file(*configured, drafts);
  apply_excludes(choices.exclude, drafts);
  apply_intervals(choices.intervals, drafts);
  DistributorSettings settings;
  for (DistributionDraft& draft : drafts) {
    if (!draft.enabled) continue;
    if (draft.is_keeper()) {
      settings.keeper = KeeperSettings{draft.schedule(), draft.grace};
    } else {
      settings.distributions.push_back(DistributionSettings{
          draft.name, draft.schedule(), draft.overlap, draft.misfire, draft.for_each, draft.job});
    }
  }
  return settings;
}

}  // namespace jobengine::distributor
