// monitor_bulk_job: looks after a bulk job whose own run is over while its children still run. One
// look each time it runs: takes the children's states over into the bulk job's result and progress,
// and finishes the bulk job (SUCCESS, whatever became of the children: its result tells) when none
// is open. Target: the bulk job. Payload: "expire-after", default 1h: the bulk job is cancelled,
// with its children, when it is older than that and no child of it has moved for as long.
//
// A result that cannot be read, a bulk job that is gone or was finished by somebody else are no
// failures: monitoring must go on for the sake of the other children, or has simply nothing to do.
#include <algorithm>
#include <jobengine/action.hpp>
#include <string>
#include <vector>

#include "actions/builtin/bulk_result.hpp"

namespace {

using jobengine::Api;
using jobengine::ApiError;
using jobengine::Job;
using jobengine::actions::BulkResult;
using jobengine::actions::ChildJob;
using jobengine::actions::Children;
using nlohmann::json;

constexpr int not_found = 404;
constexpr int conflict = 409;
// As many as the API returns at once.
constexpr int most_children = 10000;
constexpr int started_progress = 10;
constexpr const char* default_expiry = "1h";

std::string text_of(const json& document, const char* key) {
  const auto at = document.find(key);
  return at != document.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::string expiry_of(jobengine::Payload& payload) {
  const auto expiry = payload.text_or("expire-after", default_expiry);
  const auto digits = expiry.find_first_not_of("0123456789");
  const bool right = digits != std::string::npos && digits > 0 && digits + 1 == expiry.size() &&
                     std::string("smhdw").find(expiry.back()) != std::string::npos;
  if (!right) {
    jobengine::Payload::fail("expire-after", "a number and one of s, m, h, d, w (\"1h\")", expiry);
  }
  return expiry;
}

// One look at one bulk job.
class BulkJobCheck {
 public:
  BulkJobCheck(Job& job, std::string expiry)
      : job_(job), api_(job.api()), bulk_id_(job.target()), expiry_(std::move(expiry)) {}

  // Returns what there is to say about it.
  std::string look() {
    try {
      bulk_ = api_.get(bulk_id_);
    } catch (const ApiError& error) {
      if (error.status() == not_found) return bulk_id_ + " is gone.";
      throw;
    }
    const auto state = text_of(bulk_, "state");
    if (state != "QUEUED" && state != "RUNNING") return bulk_id_ + " is " + state + " already.";
    if (!handed_over()) return bulk_id_ + " is still at its own run.";
    const auto children = search_children();
    job_.progress(started_progress);
    if (!children.all_over() && expired()) return cancel();
    return update(children);
  }

 private:
  // The bulk job's own run ends with this tag; before, its counts are not complete.
  bool handed_over() const {
    const auto tags = bulk_.value("tags", json::array());
    return std::find(tags.begin(), tags.end(), json("monitor")) != tags.end();
  }

  Children search_children() const {
    jobengine::Search search;
    search.filter = children_filter();
    search.select = "id, target-resource, state";
    search.last = most_children;
    const auto found = api_.search("job", search);
    std::vector<ChildJob> listed;
    for (const auto& row : found.value("resources", json::array())) {
      const auto target = row.value("target-resource", json::object());
      listed.push_back({text_of(row, "id"), text_of(target, "href"), text_of(row, "state")});
    }
    auto children = Children::of(std::move(listed));
    const auto count = found.value("count", children.count);
    if (count > children.count) {
      // More than one answer holds: whether any is open is asked for, and not counted.
      children.count = count;
      children.open = api_.count("job", children_filter() + " and state=['QUEUED', 'RUNNING']");
    }
    return children;
  }

  std::string children_filter() const { return "parent-job=\"" + bulk_id_ + "\""; }

  bool expired() const {
    const auto recent = ">\"now-" + expiry_ + "\"";
    if (api_.count("job", "(id=\"" + bulk_id_ + "\" and created" + recent + ")") > 0) return false;
    return api_.count("job", "(" + children_filter() + " and updated" + recent + ")") == 0;
  }

  std::string cancel() const {
    api_.operation(bulk_id_, "cancel");
    return bulk_id_ + " is canceled: none of its jobs has moved for " + expiry_ + ".";
  }

  std::string update(const Children& children) const {
    auto result = BulkResult::parse(text_of(bulk_, "status-message"));
    if (!result.readable()) {
      job_.log(jobengine::LogLevel::warning,
               "the result of " + bulk_id_ + " cannot be read; it is made anew from its jobs");
    }
    result.update(children);
    const auto so_far = bulk_.value("progress", 0);
    json changes{{"progress", result.progress(children, so_far)},
                 {"status-message", result.text()}};
    if (children.all_over()) {
      changes["state"] = "SUCCESS";
      changes["return-code"] = 0;
    } else if (changes["progress"] == so_far &&
               changes["status-message"] == text_of(bulk_, "status-message")) {
      return "Nothing new about " + bulk_id_ + ".";
    }
    try {
      api_.edit(bulk_id_, changes);
    } catch (const ApiError& error) {
      if (error.status() != conflict && error.status() != not_found) throw;
      return bulk_id_ + " was finished by somebody else.";
    }
    return children.all_over()
               ? bulk_id_ + " is complete."
               : std::to_string(children.open) + " jobs of " + bulk_id_ + " are open.";
  }

  Job& job_;
  Api api_;
  std::string bulk_id_;
  std::string expiry_;
  json bulk_;
};

class MonitorBulkJob : public jobengine::Action {
 public:
  std::string name() const override { return "monitor_bulk_job"; }
  std::string description() const override {
    return "Updates a bulk job from its children, and finishes it; payload: expire-after (default "
           "1h)";
  }

  int run(Job& job) override {
    jobengine::Payload payload(job.payload());
    const auto expiry = expiry_of(payload);
    payload.finish();
    if (job.target().empty()) {
      return job.fail("monitor_bulk_job needs a target resource: the bulk job");
    }
    job.status(BulkJobCheck(job, expiry).look());
    return 0;
  }
};

}  // namespace

JE_EXPORT_ACTION(MonitorBulkJob);
