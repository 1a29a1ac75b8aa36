// What an action has said about its job and the API does not know yet. Pure: the coalescing of
// edits.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/job/job.hpp"

namespace jobengine::executor {

class JobReport {
 public:
  // Affected resources are added to those the document has.
  explicit JobReport(const job::Job& job);

  void note_progress(int percent);
  // An empty text becomes "< status message empty >", as the API takes no blank one.
  void note_status(std::string text);
  void note_affected_resource(const std::string& href);

  bool empty() const;
  // The latest values as the members of one edit; nothing is pending afterwards.
  nlohmann::json take();
  // An edit that was not applied: pending again, except for what has been overtaken.
  void give_back(const nlohmann::json& edit);

 private:
  std::optional<int> progress_;
  std::optional<std::string> status_;
  nlohmann::json affected_ = nlohmann::json::array();
  std::set<std::string> affected_hrefs_;  // of affected_: an action may name very many
  bool affected_changed_ = false;
};

}  // namespace jobengine::executor
