// What subscribers are told of a resource: which of its attributes, and which event names a change.
// The wire form is that of server-sent events (WHATWG HTML, 9.2). Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::api::events {

// From the least to the most telling; of several changes told at once the most telling counts.
enum class EventName {
  Nothing,   // no attribute that is shown has changed
  Change,    // another attribute
  Message,   // status-message
  Progress,  // progress
  State,     // state, or the first that is told of this resource
  Left,      // it matches the filter no longer, or may no longer be seen
  Deleted,
};
std::string_view name_of(EventName name);

// The attributes that are told when the client does not choose: of a job those that change while
// it runs.
const std::vector<std::string>& usual_attributes();

// What was told last, as far as it takes to know whether there is something new.
struct Told {
  std::int64_t revision = 0;
  std::size_t state = 0;
  std::size_t progress = 0;
  std::size_t message = 0;
  std::size_t others = 0;
};
// Of `data` as it is sent. `updated` and `revision` by themselves are nothing new.
Told told_of(const nlohmann::json& data, std::int64_t revision);
EventName difference(const Told& before, const Told& now);

// What is sent of a document: id, revision and those of the attributes it has. `visible` is the
// part the client may see.
nlohmann::json event_data(const nlohmann::json& visible, const std::vector<std::string>& attributes,
                          std::int64_t revision);

// "id: 17\nevent: state\ndata: {…}\n\n"; `revision` becomes the id.
std::string event_text(std::string_view name, std::int64_t revision, const nlohmann::json& data);
// ": text\n\n", which clients ignore.
std::string comment_text(std::string_view text);

}  // namespace jobengine::api::events
