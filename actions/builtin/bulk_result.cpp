#include "actions/builtin/bulk_result.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace jobengine::actions {

using nlohmann::json;

namespace {

// The API cuts a status message at 100 000 characters, which would leave broken JSON.
constexpr std::size_t longest_text = 90000;

constexpr const char* job_failed = "Job failed";
constexpr const char* job_canceled = "Job canceled";

bool about_children(const json& reason) {
  const auto text = reason.value("reason", "");
  return text == job_failed || text == job_canceled;
}

// Reasons that are none of the children's: they come from the bulk job's own run and stay as they
// are.
json reasons_without_children(const json& document) {
  json kept = json::array();
  const auto at = document.find("error_reasons");
  if (at == document.end() || !at->is_array()) return kept;
  for (const auto& reason : *at) {
    if (reason.is_object() && reason.contains("reason") && reason["reason"].is_string() &&
        !about_children(reason)) {
      kept.push_back(reason);
    }
  }
  return kept;
}

int64_t count_of(const json& object) {
  const auto at = object.find("count");
  return at != object.end() && at->is_number_integer() ? at->get<int64_t>() : 0;
}

// The highest count first.
void sort_by_count(json& list, const char* name) {
  std::sort(list.begin(), list.end(), [name](const json& a, const json& b) {
    return std::pair(-count_of(a), a.value(name, "")) < std::pair(-count_of(b), b.value(name, ""));
  });
}

// Failed children as one reason: how often, and for which resources.
void add_reason(json& reasons, const char* text, const std::map<std::string, int64_t>& resources) {
  if (resources.empty()) return;
  json reason{{"reason", text}, {"category", "failed"}, {"data", json::array()}};
  int64_t total = 0;
  for (const auto& [id, count] : resources) {
    reason["data"].push_back({{"id", id}, {"count", count}});
    total += count;
  }
  sort_by_count(reason["data"], "id");
  reason["count"] = total;
  reasons.push_back(std::move(reason));
}

int64_t failures_in(const json& reasons) {
  int64_t total = 0;
  for (const auto& reason : reasons) {
    const auto category = reason.find("category");
    if (category != reason.end() && *category == "failed") total += count_of(reason);
  }
  return total;
}

// Halves the longest list; false when there is none worth it.
bool shorten(json& document) {
  std::vector<json*> lists;
  for (const char* key : {"success", "queued", "running"}) lists.push_back(&document[key]);
  for (auto& reason : document["error_reasons"]) {
    if (reason.contains("data") && reason["data"].is_array()) lists.push_back(&reason["data"]);
  }
  json* longest = *std::max_element(lists.begin(), lists.end(), [](const json* a, const json* b) {
    return a->size() < b->size();
  });
  if (longest->size() < 2) return false;
  longest->erase(longest->begin() + static_cast<std::ptrdiff_t>(longest->size() / 2),
                 longest->end());
  return true;
}

}  // namespace

Children Children::of(std::vector<ChildJob> listed) {
  Children children;
  children.count = static_cast<int64_t>(listed.size());
  children.open = std::count_if(listed.begin(), listed.end(), [](const ChildJob& child) {
    return child.state == "QUEUED" || child.state == "RUNNING";
  });
  children.listed = std::move(listed);
  return children;
}

BulkResult BulkResult::parse(const std::string& status_message) {
  BulkResult result;
  auto document = json::parse(status_message, nullptr, false);
  if (document.is_object()) {
    result.document_ = std::move(document);
    result.readable_ = true;
  }
  return result;
}

int64_t BulkResult::number(const char* key) const {
  const auto at = document_.find(key);
  return at != document_.end() && at->is_number_integer() ? std::max<int64_t>(0, at->get<int64_t>())
                                                          : 0;
}

std::set<std::string> BulkResult::ids(const char* key) const {
  std::set<std::string> found;
  const auto at = document_.find(key);
  if (at == document_.end() || !at->is_array()) return found;
  for (const auto& id : *at) {
    if (id.is_string()) found.insert(id.get<std::string>());
  }
  return found;
}

void BulkResult::update(const Children& children) {
  auto success = ids("success");
  std::set<std::string> children_succeeded;
  std::map<std::string, int64_t> failed;
  std::map<std::string, int64_t> canceled;
  json queued = json::array();
  json running = json::array();
  for (const auto& child : children.listed) {
    const std::string target = child.target.empty() ? "unknown" : child.target;
    if (child.state == "SUCCESS") children_succeeded.insert(target);
    if (child.state == "FAILED") ++failed[target];
    if (child.state == "CANCELED") canceled[target] = 1;
    if (child.state == "QUEUED") queued.push_back(child.id);
    if (child.state == "RUNNING") running.push_back(child.id);
  }
  json reasons = reasons_without_children(document_);
  const auto failed_without_child = failures_in(reasons);
  // What succeeded without a child is told by the counts; the list may have been shortened.
  const auto total = std::max(number("total_actions"), children.count);
  const auto with_child = std::max(number("jobs_count"), children.count);
  const auto succeeded_without_child =
      std::max<int64_t>(0, total - with_child - number("skipped_count") - failed_without_child);

  add_reason(reasons, job_failed, failed);
  add_reason(reasons, job_canceled, canceled);
  sort_by_count(reasons, "reason");
  success.insert(children_succeeded.begin(), children_succeeded.end());
  document_["total_actions"] = total;
  document_["jobs_count"] = with_child;
  document_["skipped_count"] = number("skipped_count");
  document_["success"] = success;
  document_["success_count"] =
      succeeded_without_child + static_cast<int64_t>(children_succeeded.size());
  document_["failed_count"] = failures_in(reasons);
  document_["queued_count"] = queued.size();
  document_["running_count"] = running.size();
  document_["queued"] = std::move(queued);
  document_["running"] = std::move(running);
  document_["error_reasons"] = std::move(reasons);
}

int BulkResult::progress(const Children& children, int so_far) const {
  if (children.all_over()) return 100;
  const auto total = std::max<int64_t>(std::max(number("total_actions"), children.count), 1);
  // Children that are gone count as over, and so do the actions that needed none.
  const auto over = std::max<int64_t>(0, total - children.open);
  return static_cast<int>(std::clamp<int64_t>(over * 100 / total, std::min(so_far, 99), 99));
}

std::string BulkResult::text() const {
  const auto dumped = [](const json& document) {
    return document.dump(-1, ' ', false, json::error_handler_t::replace);
  };
  json document = document_;
  for (const char* key : {"success", "queued", "running", "error_reasons"}) {
    if (!document.contains(key) || !document[key].is_array()) document[key] = json::array();
  }
  auto text = dumped(document);
  while (text.size() > longest_text && shorten(document)) text = dumped(document);
  return text;
}

}  // namespace jobengine::actions
