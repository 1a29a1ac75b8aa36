// The result of a bulk job, which is its status message: JSON as Nuvla's engine writes it and its
// UI reads it. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace jobengine::actions {

// A child of the bulk job.
struct ChildJob {
  std::string id;
  std::string target;  // href of its target resource; may be empty
  std::string state;
};

// How the children of a bulk job stand.
struct Children {
  std::vector<ChildJob> listed;
  int64_t count = 0;  // of all, should more exist than are listed
  int64_t open = 0;   // QUEUED or RUNNING

  bool all_over() const { return open == 0; }
  static Children of(std::vector<ChildJob> listed);
};

class BulkResult {
 public:
  // Whatever the text is, it becomes a result: what cannot be read counts as empty. `readable`
  // tells.
  static BulkResult parse(const std::string& status_message);
  bool readable() const { return readable_; }

  // Takes the children's present states over. Doing so again with the same children changes
  // nothing.
  void update(const Children& children);

  // Per cent of all actions that are over, the ones that needed no child included; 100 only when no
  // child is open. Never less than `so_far`.
  int progress(const Children& children, int so_far) const;

  // Lists are shortened, the counts never, so that the API does not cut the text in the middle.
  std::string text() const;

 private:
  int64_t number(const char* key) const;
  std::set<std::string> ids(const char* key) const;

  nlohmann::json document_ = nlohmann::json::object();
  bool readable_ = false;
};

}  // namespace jobengine::actions
