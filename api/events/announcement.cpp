#include "api/events/announcement.hpp"

#include <functional>

#include "api/cimi/answers.hpp"

namespace jobengine::api::events {
namespace {

using nlohmann::json;

// Of the text: a 42 that was read is of another type than a 42 that was computed.
std::size_t digest(const json& value) {
  return std::hash<std::string>()(
      value.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace));
}

std::size_t digest(const json& data, const char* name) {
  const auto found = data.find(name);
  return found == data.end() ? 0 : digest(*found) + 1;
}

}  // namespace

std::string_view name_of(EventName name) {
  switch (name) {
    case EventName::Nothing:
      return "";
    case EventName::Change:
      return "change";
    case EventName::Message:
      return "message";
    case EventName::Progress:
      return "progress";
    case EventName::State:
      return "state";
    case EventName::Left:
      return "left";
    case EventName::Deleted:
      return "deleted";
  }
  return "";
}

const std::vector<std::string>& usual_attributes() {
  static const std::vector<std::string> names = {
      "name", "action", "state", "progress", "status-message", "return-code", "updated"};
  return names;
}

Told told_of(const json& data, std::int64_t revision) {
  Told told;
  told.revision = revision;
  told.state = digest(data, "state");
  told.progress = digest(data, "progress");
  told.message = digest(data, "status-message");
  for (const auto& [name, value] : data.items()) {
    if (name == "state" || name == "progress" || name == "status-message") continue;
    if (name == "updated" || name == "revision") continue;
    // A multiplier makes the sum depend on which attribute has which value.
    told.others = told.others * 1099511628211U + std::hash<std::string>()(name);
    told.others = told.others * 1099511628211U + digest(value);
  }
  return told;
}

EventName difference(const Told& before, const Told& now) {
  if (before.state != now.state) return EventName::State;
  if (before.progress != now.progress) return EventName::Progress;
  if (before.message != now.message) return EventName::Message;
  if (before.others != now.others) return EventName::Change;
  return EventName::Nothing;
}

json event_data(const json& visible, const std::vector<std::string>& attributes,
                std::int64_t revision) {
  json data = json::object();
  for (const auto& name : attributes) {
    const auto found = visible.find(name);
    if (found != visible.end()) data[name] = *found;
  }
  const auto id = visible.find("id");
  if (id != visible.end()) data["id"] = *id;
  data["revision"] = revision;
  return data;
}

std::string event_text(std::string_view name, std::int64_t revision, const json& data) {
  std::string text = "id: " + std::to_string(revision) + "\n";
  // JSON in one line: line ends in texts are escaped.
  text += "event: " + std::string(name) + "\ndata: " + cimi::json_text(data) + "\n\n";
  return text;
}

std::string comment_text(std::string_view text) {
  return ": " + std::string(text) + "\n\n";
}

}  // namespace jobengine::api::events
