#include "api/cimi/job_context.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <set>

#include "api/access/acl.hpp"
#include "api/cimi/generic_document.hpp"
#include "api/cimi/schema.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

constexpr std::size_t most_resources = 100;
// References looked at of one document.
constexpr std::size_t most_references = 1000;
// The target is at 0; what a document at that level refers to is fetched, and its parents beyond.
constexpr int referring_level = 0;
constexpr int deepest_parent = 3;

// Who made or changed something is no part of it.
constexpr std::array<std::string_view, 4> not_followed{"acl", "operations", "created-by",
                                                       "updated-by"};

bool is_reference(const std::string& text) {
  return text.size() < 200 && text.find('/') != std::string::npos &&
         check::resource_id(json(text)) == nullptr;
}

void collect(const json& value, std::vector<std::string>& found) {
  if (found.size() >= most_references) return;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (is_reference(text)) found.push_back(text);
    return;
  }
  if (!value.is_structured()) return;
  for (const auto& one : value) collect(one, found);
}

std::vector<std::string> references(const json& document) {
  std::vector<std::string> found;
  for (const auto& [key, value] : document.items()) {
    const bool followed = key != "id" && std::find(not_followed.begin(), not_followed.end(), key) ==
                                             not_followed.end();
    if (followed) collect(value, found);
  }
  return found;
}

std::string parent_of(const json& document) {
  const auto parent = document.find("parent");
  return parent != document.end() && parent->is_string() ? parent->get<std::string>()
                                                         : std::string();
}

struct Place {
  std::string id;
  int level = 0;
};

std::deque<Place> beginning(const json& job) {
  std::deque<Place> wanted;
  const auto add = [&](const json& one) {
    if (one.is_object()) wanted.push_back({one.value("href", std::string()), 0});
  };
  add(job.value("target-resource", json()));
  for (const auto& one : job.value("affected-resources", json::array())) add(one);
  return wanted;
}

}  // namespace

awaitable<json> job_context(store::Store& store, const GenericTypes& types, json job,
                            access::Identity who) {
  json known = json::object();
  std::set<std::string> asked;
  auto wanted = beginning(job);
  while (!wanted.empty() && asked.size() < most_references && known.size() < most_resources) {
    const auto place = std::move(wanted.front());
    wanted.pop_front();
    const bool held = place.id.starts_with("job/") || types.of(place.id) != nullptr;
    if (!held || !asked.insert(place.id).second) continue;
    const auto stored = co_await store.get(place.id);
    if (!stored) continue;
    auto document = stored->document;
    document.erase(reusable_jobs);
    document = access::visible_part(document, who);
    if (document.is_null()) continue;
    document.erase("acl");
    document.erase("operations");
    if (place.level <= referring_level) {
      for (auto& id : references(document)) wanted.push_back({std::move(id), place.level + 1});
    } else if (place.level < deepest_parent) {
      wanted.push_back({parent_of(document), place.level + 1});
    }
    known[place.id] = std::move(document);
  }
  co_return known;
}

}  // namespace jobengine::api::cimi
