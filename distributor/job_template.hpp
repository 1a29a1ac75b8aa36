// What the jobs of a distribution look like. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "distributor/schedule/instant.hpp"

namespace jobengine::distributor {

struct JobTemplate {
  std::string action;
  // Texts in these three may hold placeholders (placeholders.hpp) when there is a row to fill them.
  std::string target;      // href of the target resource; "" : none
  nlohmann::json payload;  // null: none
  nlohmann::json acl;      // null: none; the API then makes the creator the owner
  std::optional<int> priority;
  std::string execution_mode;  // "" : the API's default, push
};

// What all jobs of one tick have in common: the beginning of their `name`. Whoever resumes a tick
// recognises by it which jobs exist.
std::string mark_of(const std::string& distribution, Instant tick);

// The id the job of that name is to have: a uuid of version 5 (RFC 4122), the same for whoever
// makes the job and whenever, so that an API that lets us choose ids makes none twice.
std::string id_of(const std::string& name);

// The document to POST, with id_of() its name. `row`: of for-each, or null. Its name is unique
// within the tick (the mark, and the row's id). Nothing when the row lacks an attribute the
// template refers to.
std::optional<nlohmann::json> job_document(const JobTemplate& job, const std::string& mark,
                                           const nlohmann::json& row);

// The attributes of a row that the template refers to.
std::set<std::string> attributes_of(const JobTemplate& job);

}  // namespace jobengine::distributor
