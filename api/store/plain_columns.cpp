#include "api/store/plain_columns.hpp"

#include <array>
#include <utility>

#include "api/access/acl.hpp"
#include "api/filter/evaluate.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::api::store {
namespace {

using nlohmann::json;

std::optional<filter::Millis> date_at(const json& document, const char* name) {
  const auto found = document.find(name);
  return found == document.end() ? std::nullopt : filter::date_value(*found);
}

std::optional<std::string> text_at(const json& document, const char* name) {
  const auto found = document.find(name);
  if (found == document.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

filter::SqlMapping make_mapping(bool jobs) {
  using Kind = filter::Column::Kind;
  filter::SqlMapping mapping;
  mapping.columns = {{"id", {"id", Kind::Text}},
                     {"created", {"created", Kind::Date}},
                     {"updated", {"updated", Kind::Date}}};
  for (const auto name : access::metadata_keys) mapping.metadata.emplace(name);
  mapping.metadata.emplace("fulltext");  // the texts of metadata
  if (jobs) {
    mapping.columns.insert({{"state", {"state", Kind::Text}},
                            {"action", {"action", Kind::Text}},
                            {"target-resource/href", {"target", Kind::Text}},
                            {"parent-job", {"parent_job", Kind::Text}},
                            {"execution-mode", {"execution_mode", Kind::Text}},
                            {"priority", {"priority", Kind::Long}},
                            {"name", {"name", Kind::Text}}});
    mapping.text_tables.emplace("tags", "tag");
  }
  return mapping;
}

}  // namespace

std::string collection_of(std::string_view id) {
  const auto slash = id.find('/');
  if (slash == std::string_view::npos || slash == 0) {
    throw runtime::Failure("'" + std::string(id) + "' is no id: expected <collection>/<name>");
  }
  return std::string(id.substr(0, slash));
}

PlainColumns plain_columns(const std::string& collection, const json& document) {
  PlainColumns columns;
  columns.created = date_at(document, "created");
  columns.updated = date_at(document, "updated");
  if (collection != "job") return columns;
  columns.state = text_at(document, "state");
  columns.action = text_at(document, "action");
  columns.parent_job = text_at(document, "parent-job");
  columns.name = text_at(document, "name");
  columns.execution_mode = text_at(document, "execution-mode");
  const auto target = document.find("target-resource");
  if (target != document.end() && target->is_object()) columns.target = text_at(*target, "href");
  const auto priority = document.find("priority");
  if (priority != document.end() && priority->is_number_integer()) {
    columns.priority = priority->get<std::int64_t>();
  }
  return columns;
}

std::set<std::string> tags_of(const std::string& collection, const json& document) {
  std::set<std::string> tags;
  const auto found = document.find("tags");
  if (collection != "job" || found == document.end()) return tags;
  if (found->is_string()) tags.insert(found->get<std::string>());
  if (!found->is_array()) return tags;
  for (const auto& tag : *found) {
    if (tag.is_string()) tags.insert(tag.get<std::string>());
  }
  return tags;
}

std::map<std::string, Sees> claims_of(const json& document) {
  std::map<std::string, Sees> claims;
  const auto acl = document.find("acl");
  if (acl == document.end() || !acl->is_object()) return claims;
  static constexpr std::array<std::pair<const char*, Sees>, 4> rights{{
      {"owners", Sees::Acl},
      {"view-acl", Sees::Acl},
      {"view-data", Sees::Data},
      {"view-meta", Sees::Metadata},
  }};
  for (const auto& [right, sees] : rights) {
    const auto found = acl->find(right);
    if (found == acl->end() || !found->is_array()) continue;
    for (const auto& claim : *found) {
      // The most comes first, and stays.
      if (claim.is_string()) claims.emplace(claim.get<std::string>(), sees);
    }
  }
  return claims;
}

const filter::SqlMapping& mapping_of(const std::string& collection) {
  static const filter::SqlMapping of_jobs = make_mapping(true);
  static const filter::SqlMapping of_others = make_mapping(false);
  return collection == "job" ? of_jobs : of_others;
}

}  // namespace jobengine::api::store
