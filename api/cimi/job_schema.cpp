#include "api/cimi/job_schema.hpp"

#include "common/job/job.hpp"

namespace jobengine::api::cimi {
namespace {

bool is_job_id(const std::string& text) {
  if (!text.starts_with("job/") || text.size() == 4) return false;
  char last = '-';
  for (const char c : std::string_view(text).substr(4)) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && (c != '-' || last == '-')) return false;
    last = c;
  }
  return last != '-';
}

Shape job_id() {
  Shape shape;
  shape.words = "a job id such as \"job/1234\"";
  shape.pattern = "^job/[a-z0-9]+(-[a-z0-9]+)*$";
  shape.accepts = is_job_id;
  return shape;
}

Shape hrefs() {
  auto shape =
      shape::list_of(shape::href(), "an array of at least one map with a resource id as 'href'");
  shape.least_items = 1;
  return shape;
}

Shape priority() {
  auto shape = shape::integer(0, 999);
  shape.words = "an integer from 0 (most urgent) to 999";
  return shape;
}

Shape payload() {
  auto shape = shape::non_blank();
  shape.words = "a string that is not blank and holds JSON";
  return shape;
}

Schema make_job_schema() {
  using enum SetBy;
  return common_attributes() +
         Schema{
             {"resource-type", shape::one_of({"job"}), "The collection.", Server, Need::Stored},
             {"state", shape::one_of({"QUEUED", "RUNNING", "FAILED", "CANCELED", "SUCCESS"}),
              "How far it is; the last three are final. A new job is QUEUED.", Client, Need::Stored,
              "QUEUED"},
             {"action", shape::non_blank(), "What is to be done.", Creation, Need::Sent},
             {"progress", shape::integer(0, 100), "How much of it is done, in per cent.", Client,
              Need::Stored, 0},
             {"execution-mode", shape::one_of({"pull", "push", "mixed"}),
              "push: an executor takes it from the queue; pull: whoever runs it fetches it by its "
              "id; mixed: pushed first, pulled when that fails.",
              Client, Need::Stored, "push"},
             {"version", shape::integer(0),
              "Of the way jobs are written; executors run those of version 2.", Client,
              Need::Stored, job::supported_version},
             {"target-resource", shape::href(), "What the action works on.", Creation},
             {"affected-resources", hrefs(),
              "What else it concerns; the target resource is added to them."},
             {"return-code", shape::integer(0), "Of the action; 0 is success."},
             {"status-message",
              shape::text(),
              "What the action has to say. Of more than 100000 characters the first and the last "
              "50000 are kept.",
              Client,
              Need::Free,
              {},
              /*searchable=*/false},
             {"time-of-status-change", shape::time(),
              "When a job with a status message was changed last.", Course},
             {"parent-job", job_id(), "The job that made this one."},
             {"nested-jobs", shape::list_of(job_id(), "an array of job ids"),
              "Jobs made by this one."},
             {"priority", priority(), "Lower is sooner. A job without one counts as 999."},
             {"started", shape::time(), "When it was RUNNING first.", Course},
             {"duration", shape::integer(0), "Whole seconds from started to the end.", Course},
             {"expiry", shape::time(), "When it may be removed."},
             {"output", shape::non_blank(), "What the action has written."},
             {"payload", payload(), "What the action is given, as JSON in a string."},
         };
}

}  // namespace

const Schema& job_schema() {
  static const Schema schema = make_job_schema();
  return schema;
}

}  // namespace jobengine::api::cimi
