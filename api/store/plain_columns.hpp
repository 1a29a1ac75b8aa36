// What of a document stands in plain columns, so that searching and sorting need not open the
// document. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/filter/to_sql.hpp"

namespace jobengine::api::store {

// "job" of "job/<uuid>". Throws Failure for an id without a '/', which belongs to no collection.
std::string collection_of(std::string_view id);

struct PlainColumns {
  std::optional<filter::Millis> created;
  std::optional<filter::Millis> updated;
  // Of jobs only; their schema makes sure that each is a text (priority: an integer) or absent.
  std::optional<std::string> state;
  std::optional<std::string> action;
  std::optional<std::string> target;
  std::optional<std::string> parent_job;
  std::optional<std::string> execution_mode;
  std::optional<std::int64_t> priority;
  std::optional<std::string> name;
};
PlainColumns plain_columns(const std::string& collection, const nlohmann::json& document);

// The tags of a job, each once; nothing for other collections.
std::set<std::string> tags_of(const std::string& collection, const nlohmann::json& document);

// What a claim shows of a document.
enum class Sees {
  Metadata = 1,  // view-meta
  Data = 2,      // view-data: all but the acl
  Acl = 3,       // view-acl and owners: everything
};
// The claims that see something of the document, with the most each shows. Needs its acl in normal
// form.
std::map<std::string, Sees> claims_of(const nlohmann::json& document);

// How filters find these columns.
const filter::SqlMapping& mapping_of(const std::string& collection);

}  // namespace jobengine::api::store
