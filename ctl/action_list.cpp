#include "ctl/action_list.hpp"

#include <nlohmann/json.hpp>
#include <vector>

#include "common/configuration/duration_text.hpp"
#include "common/configuration/nearest_name.hpp"
#include "common/runtime/failure.hpp"
#include "ctl/table.hpp"

namespace jobengine::ctl {

namespace {

using nlohmann::json;

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const json& part(const json& object, const char* key) {
  static const json nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

// "90s" for "90000ms", "-" for none.
std::string duration(const json& manifest, const char* key) {
  const auto time = configuration::parse_duration(text(manifest, key));
  if (!time || time->count() == 0) return "-";
  struct Unit {
    std::int64_t ms;
    const char* name;
  };
  for (const Unit unit : {Unit{3'600'000, "h"}, Unit{60'000, "m"}, Unit{1000, "s"}}) {
    if (time->count() % unit.ms == 0) return std::to_string(time->count() / unit.ms) + unit.name;
  }
  return std::to_string(time->count()) + "ms";
}

std::string joined(const json& list) {
  std::string result;
  for (const json& one : list) {
    if (one.is_string()) result += (result.empty() ? "" : " ") + one.get<std::string>();
  }
  return result.empty() ? "-" : result;
}

std::string retry_text(const json& retry) {
  if (!retry.is_object()) return "-";
  return "at most " + part(retry, "limit").dump() + ", after " + duration(retry, "first-delay") +
         " to " + duration(retry, "longest-delay") + "; also on: " + joined(part(retry, "on"));
}

bool pull_mode(const json& manifest) {
  return part(manifest, "pull-mode") == true;
}

// "": it is offered.
std::string why_not_offered(const json& action) {
  return part(action, "offered") == false ? text(action, "reason") : "";
}

}  // namespace

std::string table_of_actions(const json& report, std::size_t width) {
  Table table({"NAME", "ISOLATION", "PULL", "TIMEOUT", "LABELS", "DESCRIPTION"});
  for (const json& action : part(report, "actions")) {
    const json& manifest = part(action, "manifest");
    const std::string reason = why_not_offered(action);
    table.add(
        {text(action, "name"), text(manifest, "isolation"), pull_mode(manifest) ? "yes" : "no",
         duration(manifest, "timeout"), joined(part(manifest, "labels")),
         (reason.empty() ? "" : "[not offered: " + reason + "] ") + text(manifest, "description")});
  }
  return table.text(width);
}

std::string refused_files(const json& report) {
  std::string lines;
  for (const json& one : part(report, "refused")) {
    lines += text(one, "file") + " is refused: " + text(one, "reason");
    if (part(one, "former-edition-in-service") == true) {
      lines += " (its former edition is in service)";
    }
    lines += "\n";
  }
  return lines;
}

const json& find_action(const json& report, const std::string& name) {
  const json* best = nullptr;
  std::vector<std::string> names;
  for (const json& action : part(report, "actions")) {
    const std::string candidate = text(action, "name");
    names.push_back(candidate);
    // Of two of one name, the one that is offered.
    const bool offered = why_not_offered(action).empty();
    if (candidate == name && (offered || best == nullptr || text(*best, "name") != name)) {
      best = &action;
    }
    if (!candidate.ends_with('*') || !name.starts_with(candidate.substr(0, candidate.size() - 1))) {
      continue;
    }
    const bool closer = best == nullptr || (text(*best, "name") != name &&
                                            candidate.size() > text(*best, "name").size());
    if (closer) best = &action;
  }
  if (best != nullptr) return *best;
  const std::string nearest = configuration::nearest_name(name, names);
  throw runtime::Failure("there is no action " + name +
                         (nearest.empty() ? "" : "; did you mean " + nearest + "?"));
}

std::string description_of_action(const json& action) {
  const json& manifest = part(action, "manifest");
  std::vector<std::pair<std::string, std::string>> rows = {
      {"name", text(action, "name")},
      {"description", text(manifest, "description")},
      {"file", text(action, "file")},
      {"isolation", text(manifest, "isolation")},
      {"pull mode", pull_mode(manifest) ? "yes" : "no"},
      {"timeout", duration(manifest, "timeout")},
      {"idle timeout", duration(manifest, "idle-timeout")},
      {"retries", retry_text(part(manifest, "retry"))},
      {"labels", joined(part(manifest, "labels"))}};
  if (manifest.contains("command")) rows.emplace_back("command", joined(manifest["command"]));
  if (action.contains("edition")) {
    rows.emplace_back("edition",
                      action["edition"].dump() + ", loaded at " + text(action, "loaded-at"));
  }
  const std::string reason = why_not_offered(action);
  if (!reason.empty()) rows.emplace_back("not offered", "it " + reason);
  std::string result;
  constexpr std::size_t widest = 14;
  for (auto& [name, value] : rows) {
    name.resize(widest, ' ');
    result += name + one_line(value) + "\n";
  }
  const json& schema = part(manifest, "payload-schema");
  result += schema.is_null()
                ? "payload       anything\n"
                : "payload       JSON that fits this schema:\n" + schema.dump(2) + "\n";
  return result;
}

}  // namespace jobengine::ctl
