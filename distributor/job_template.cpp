#include "distributor/job_template.hpp"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

#include "distributor/placeholders.hpp"

namespace jobengine::distributor {

using nlohmann::json;

std::string mark_of(const std::string& distribution, Instant tick) {
  return distribution + "@" + text(tick);
}

std::string id_of(const std::string& name) {
  // Of our jobs alone, and never to change: what was made before must be recognised.
  static constexpr boost::uuids::uuid jobs_of_ticks{{0x5b, 0x0e, 0x4a, 0x1c, 0x9d, 0x37, 0x4f, 0x6e,
                                                     0x8a, 0x52, 0x3f, 0xc1, 0x70, 0xd9, 0x2b,
                                                     0x64}};
  boost::uuids::name_generator_sha1 named(jobs_of_ticks);
  return "job/" + boost::uuids::to_string(named(name));
}

std::optional<json> job_document(const JobTemplate& job, const std::string& mark, const json& row) {
  json document{{"action", job.action}, {"name", mark}};
  const bool has_row = row.is_object();
  if (has_row) document["name"] = mark + " " + row.value("id", std::string());
  document["id"] = id_of(document["name"].get<std::string>());
  const json source = has_row ? row : json::object();
  if (!job.target.empty()) {
    const auto target = filled(json(job.target), source);
    if (!target || !target->is_string()) return std::nullopt;
    document["target-resource"] = json{{"href", *target}};
  }
  if (!job.payload.is_null()) {
    const auto payload = filled(job.payload, source);
    if (!payload) return std::nullopt;
    document["payload"] = payload->dump();
  }
  if (!job.acl.is_null()) {
    auto acl = filled(job.acl, source);
    if (!acl) return std::nullopt;
    document["acl"] = std::move(*acl);
  }
  if (job.priority) document["priority"] = *job.priority;
  if (!job.execution_mode.empty()) document["execution-mode"] = job.execution_mode;
  return document;
}

std::set<std::string> attributes_of(const JobTemplate& job) {
  std::set<std::string> names = placeholders_of(json(job.target));
  names.merge(placeholders_of(job.payload));
  names.merge(placeholders_of(job.acl));
  return names;
}

}  // namespace jobengine::distributor
