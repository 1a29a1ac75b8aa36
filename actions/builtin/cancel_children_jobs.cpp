// cancel_children_jobs: cancels every job below the target job that is not over, children's
// children too. No payload.
//
// A bulk job that was cancelled may still create a child until its executor notices, so the search
// is repeated until it finds nothing new. Children that are bulk jobs get a cancel_children_jobs of
// their own from the API.
#include <algorithm>
#include <jobengine/action.hpp>
#include <set>
#include <string>
#include <vector>

namespace {

using jobengine::Api;
using jobengine::ApiError;
using jobengine::Job;
using nlohmann::json;

constexpr int forbidden = 403;
constexpr int not_found = 404;
constexpr int conflict = 409;
// Parents looked at with one search.
constexpr std::size_t parents_at_once = 100;
// Of jobs that could not be cancelled, so many are named.
constexpr std::size_t named_failures = 10;

bool is_over(const json& job) {
  const auto state = job.value("state", "");
  return state != "QUEUED" && state != "RUNNING";
}

std::string filter_for(const std::vector<std::string>& parents) {
  const std::string states = " and state=['RUNNING', 'QUEUED']";
  if (parents.size() == 1) return "parent-job=\"" + parents.front() + "\"" + states;
  std::string list;
  for (const auto& parent : parents) list += (list.empty() ? "'" : ", '") + parent + "'";
  return "parent-job=[" + list + "]" + states;
}

// One run of the action.
class Cancellation {
 public:
  explicit Cancellation(Job& job) : job_(job), api_(job.api()) {}

  // False when a stop was requested on the way.
  bool cancel_below(const std::string& top) {
    std::vector<std::string> parents{top};
    while (!parents.empty()) {
      std::vector<std::string> children;
      for (std::size_t from = 0; from < parents.size(); from += parents_at_once) {
        const auto to = std::min(parents.size(), from + parents_at_once);
        const std::vector<std::string> some(parents.begin() + static_cast<std::ptrdiff_t>(from),
                                            parents.begin() + static_cast<std::ptrdiff_t>(to));
        if (!cancel_children_of(some, children)) return false;
      }
      parents = std::move(children);
    }
    return true;
  }

  bool complete() const { return failures_.empty(); }
  std::string message() const {
    std::string text = "Canceled " + std::to_string(canceled_) + " jobs.";
    if (failures_.empty()) return text;
    text += " " + std::to_string(failures_.size()) + " could not be canceled:";
    for (std::size_t i = 0; i < std::min(failures_.size(), named_failures); ++i) {
      text += "\n" + failures_[i];
    }
    return text;
  }

 private:
  bool cancel_children_of(const std::vector<std::string>& parents,
                          std::vector<std::string>& children) {
    jobengine::Search search;
    search.filter = filter_for(parents);
    search.select = "id, operations";
    for (bool found_new = true; found_new;) {
      found_new = false;
      const auto found = api_.search("job", search);
      for (const auto& child : found.value("resources", json::array())) {
        const auto id = child.value("id", "");
        if (!seen_.insert(id).second) continue;  // the API's search may lag behind
        if (job_.stop_requested()) return false;
        found_new = true;
        cancel(id);
        children.push_back(id);
      }
    }
    return true;
  }

  void cancel(const std::string& id) {
    try {
      api_.operation(id, "cancel");
      ++canceled_;
    } catch (const ApiError& error) {
      if (!over_meanwhile(id, error)) failures_.emplace_back(error.what());
    }
  }

  // A job that ended by itself refuses to be cancelled, and that is just as well.
  bool over_meanwhile(const std::string& id, const ApiError& error) const {
    if (error.status() == not_found) return true;
    if (error.status() != forbidden && error.status() != conflict) return false;
    try {
      return is_over(api_.get(id));
    } catch (const ApiError& again) {
      return again.status() == not_found;
    }
  }

  Job& job_;
  Api api_;
  std::set<std::string> seen_;
  std::size_t canceled_ = 0;
  std::vector<std::string> failures_;
};

class CancelChildrenJobs : public jobengine::Action {
 public:
  std::string name() const override { return "cancel_children_jobs"; }
  std::string description() const override {
    return "Cancels the unfinished jobs below the target job";
  }

  int run(Job& job) override {
    if (job.target().empty()) {
      return job.fail("cancel_children_jobs needs a target resource: the parent job");
    }
    Cancellation cancellation(job);
    const bool finished = cancellation.cancel_below(job.target());
    job.status(cancellation.message() + (finished ? "" : " Stopped before the end."));
    return finished && cancellation.complete() ? 0 : 1;
  }
};

}  // namespace

JE_EXPORT_ACTION(CancelChildrenJobs);
