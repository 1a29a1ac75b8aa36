#include "distributor/distribution_draft.hpp"

#include <nlohmann/json.hpp>

#include "common/configuration/options.hpp"
#include "common/job/job_state.hpp"
#include "common/queue/entry_name.hpp"
#include "common/runtime/failure.hpp"
#include "distributor/placeholders.hpp"

namespace jobengine::distributor {

namespace {

using configuration::YamlNode;
using nlohmann::json;

Span read_duration(const YamlNode& node, Span least) {
  const std::string text = node.text();
  const auto duration = configuration::parse_duration(text);
  if (!duration) {
    node.refuse("\"" + text +
                "\" is no duration (expected a number with ms, s, m, h or d, as 90s)");
  }
  if (*duration < least) {
    node.refuse("\"" + text + "\" is too short (at least " + std::to_string(least.count()) + "ms)");
  }
  return *duration;
}

// Failures of the pure parts become complaints about a place in the file.
template <class Part>
Part read_part(const YamlNode& node) {
  const std::string text = node.text();
  try {
    return Part(text);
  } catch (const runtime::Failure& failure) {
    node.refuse(failure.what());
  }
}

std::string read_non_empty(const YamlNode& node) {
  std::string text = node.text();
  if (text.empty()) node.refuse("must not be empty");
  return text;
}

void read_schedule(const YamlNode& node, DistributionDraft& draft) {
  if (node.has("every") && node.has("cron")) {
    node.at("cron").refuse("\"every\" and \"cron\" exclude each other");
  }
  if (node.has("every")) {
    draft.every = read_duration(node.at("every"), std::chrono::seconds(1));
    draft.cron.reset();
  }
  if (node.has("cron")) {
    draft.cron = read_part<CronExpression>(node.at("cron"));
    draft.every.reset();
  }
  if (node.has("timezone")) {
    if (!draft.cron) node.at("timezone").refuse("a time zone needs \"cron\"");
    draft.zone = read_part<TimeZone>(node.at("timezone"));
  }
  if (node.has("jitter")) draft.jitter = read_duration(node.at("jitter"), Span(0));
  if (!draft.every && !draft.cron) node.refuse("needs \"every\" or \"cron\"");
  if (draft.every && draft.jitter >= *draft.every) {
    node.at(node.has("jitter") ? "jitter" : "every")
        .refuse("the jitter must be shorter than \"every\"");
  }
}

ForEach read_for_each(const YamlNode& node) {
  node.expect_keys({"resource", "filter", "select"});
  ForEach result;
  const YamlNode resource = node.at("resource");
  result.resource = read_non_empty(resource);
  if (result.resource.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") != std::string::npos) {
    resource.refuse("\"" + result.resource + "\" is no resource collection (expected a-z and -)");
  }
  if (node.has("filter")) result.filter = node.at("filter").text();
  if (node.has("select")) {
    for (const YamlNode& attribute : node.at("select").items()) {
      result.select.push_back(read_non_empty(attribute));
    }
  }
  return result;
}

// A map or list, or a text that holds one in JSON.
json read_payload(const YamlNode& node) {
  if (!node.is_scalar()) return node.json();
  json payload = json::parse(node.text(), nullptr, /*allow_exceptions=*/false);
  if (payload.is_discarded()) node.refuse("expected a map, a list, or a text that is JSON");
  return payload;
}

json read_acl(const YamlNode& node) {
  if (!node.is_map()) node.refuse("expected a map, as {owners: [group/nuvla-admin]}");
  return node.json();
}

void read_job(const YamlNode& node, JobTemplate& job) {
  node.expect_keys({"action", "target-resource", "payload", "priority", "execution-mode", "acl"});
  if (node.has("action")) job.action = read_non_empty(node.at("action"));
  if (node.has("target-resource")) job.target = read_non_empty(node.at("target-resource"));
  if (node.has("payload")) job.payload = read_payload(node.at("payload"));
  if (node.has("acl")) job.acl = read_acl(node.at("acl"));
  if (node.has("priority")) {
    const YamlNode priority = node.at("priority");
    const std::int64_t value = priority.integer();
    if (value < queue::highest_urgency || value > queue::lowest_urgency) {
      priority.refuse(std::to_string(value) +
                      " is no priority (expected 0 to 999, lower is sooner)");
    }
    job.priority = static_cast<int>(value);
  }
  if (node.has("execution-mode")) {
    const YamlNode mode = node.at("execution-mode");
    job.execution_mode = mode.text();
    if (!job::parse_execution_mode(job.execution_mode)) {
      mode.refuse("\"" + job.execution_mode +
                  "\" is no execution mode (expected push, pull or mixed)");
    }
  }
}

Overlap read_overlap(const YamlNode& node) {
  const std::string text = node.text();
  if (text == "skip") return Overlap::Skip;
  if (text == "allow") return Overlap::Allow;
  node.refuse("\"" + text + "\" is unknown (expected skip or allow)");
}

Misfire read_misfire(const YamlNode& node) {
  const std::string text = node.text();
  if (text == "skip") return Misfire::Skip;
  if (text == "once") return Misfire::Once;
  if (text == "all") return Misfire::All;
  node.refuse("\"" + text + "\" is unknown (expected skip, once or all)");
}

// Placeholders must be well formed, and there must be a row to fill them from.
void check_placeholders(const YamlNode& node, const DistributionDraft& draft) {
  const YamlNode place = node.has("job") ? node.at("job") : node;
  std::set<std::string> attributes;
  try {
    attributes = attributes_of(draft.job);
  } catch (const runtime::Failure& failure) {
    place.refuse(failure.what());
  }
  if (!attributes.empty() && !draft.for_each) {
    place.refuse("${" + *attributes.begin() + "} needs \"for-each\"");
  }
}

void apply_to_keeper(const YamlNode& node, DistributionDraft& draft) {
  node.expect_keys({"enabled", "every", "jitter", "grace"});
  if (node.has("enabled")) draft.enabled = node.at("enabled").boolean();
  read_schedule(node, draft);
  if (node.has("grace")) draft.grace = read_duration(node.at("grace"), std::chrono::seconds(1));
}

}  // namespace

TickSchedule DistributionDraft::schedule() const {
  if (every) return TickSchedule::every(*every, jitter);
  JE_CHECK(cron.has_value(), "a distribution has a schedule once it is read");
  return TickSchedule::cron(*cron, zone ? *zone : TimeZone("UTC"), jitter);
}

void apply(const YamlNode& node, DistributionDraft& draft) {
  if (node.is_null() && (draft.every || draft.cron)) return;
  if (!node.is_map()) node.refuse("expected a map, as { every: 60s }");
  if (draft.is_keeper()) {
    apply_to_keeper(node, draft);
    return;
  }
  node.expect_keys(
      {"enabled", "every", "cron", "timezone", "jitter", "overlap", "misfire", "for-each", "job"});
  if (node.has("enabled")) draft.enabled = node.at("enabled").boolean();
  read_schedule(node, draft);
  if (node.has("overlap")) draft.overlap = read_overlap(node.at("overlap"));
  if (node.has("misfire")) draft.misfire = read_misfire(node.at("misfire"));
  if (node.has("for-each")) {
    draft.for_each = read_for_each(node.at("for-each"));
    if (draft.job.target.empty()) draft.job.target = "${id}";
  }
  if (node.has("job")) read_job(node.at("job"), draft.job);
  check_placeholders(node, draft);
}

}  // namespace jobengine::distributor
