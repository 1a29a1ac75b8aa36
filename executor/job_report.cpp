#include "executor/job_report.hpp"

#include <algorithm>
#include <utility>

namespace jobengine::executor {

using nlohmann::json;

JobReport::JobReport(const job::Job& job) {
  const auto found = job.document().find("affected-resources");
  if (found != job.document().end() && found->is_array()) affected_ = *found;
  for (const json& resource : affected_) {
    if (!resource.is_object()) continue;
    const auto href = resource.find("href");
    if (href != resource.end() && href->is_string()) affected_hrefs_.insert(*href);
  }
}

void JobReport::note_progress(int percent) {
  progress_ = std::clamp(percent, 0, 100);
}

void JobReport::note_status(std::string text) {
  status_ = text.empty() ? "< status message empty >" : std::move(text);
}

void JobReport::note_affected_resource(const std::string& href) {
  if (href.empty() || !affected_hrefs_.insert(href).second) return;
  json resource;
  resource["href"] = href;
  affected_.push_back(std::move(resource));
  affected_changed_ = true;
}

bool JobReport::empty() const {
  return !progress_ && !status_ && !affected_changed_;
}

json JobReport::take() {
  json edit = json::object();
  if (progress_) edit["progress"] = *progress_;
  if (status_) edit["status-message"] = *status_;
  if (affected_changed_) edit["affected-resources"] = affected_;
  progress_.reset();
  status_.reset();
  affected_changed_ = false;
  return edit;
}

void JobReport::give_back(const json& edit) {
  if (edit.contains("progress") && !progress_) progress_ = edit["progress"].get<int>();
  if (edit.contains("status-message") && !status_) {
    status_ = edit["status-message"].get<std::string>();
  }
  if (edit.contains("affected-resources")) affected_changed_ = true;
}

}  // namespace jobengine::executor
