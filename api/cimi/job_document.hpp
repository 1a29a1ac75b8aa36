// The job resource: its schema and what adding, editing, cancelling do to a document (spec 2.1 to
// 2.6). Pure: runs on the store's writing thread too.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/access/identity.hpp"
#include "api/cimi/timestamp.hpp"

namespace jobengine::api::cimi {

// A new job from the body of an add. Throws CimiError 400 when it does not satisfy the schema.
nlohmann::json new_job(const nlohmann::json& body, const std::string& id,
                       const access::Identity& who, WallTime now);

// What an edit asks for.
struct JobEdit {
  nlohmann::json changes;            // the JSON body
  std::vector<std::string> removed;  // "select"
};
// The job after the edit. Throws CimiError: 403, 409 for a job in a final state, 400 for the
// schema.
nlohmann::json edited_job(const nlohmann::json& current, const JobEdit& edit,
                          const access::Identity& who, WallTime now);

// CANCELED by an operation. The caller has checked who may.
nlohmann::json ended_job(const nlohmann::json& current, const access::Identity& who, WallTime now);

// The job that cancels what a bulk job has started.
nlohmann::json cancel_children_job(const nlohmann::json& bulk_job, const std::string& id,
                                   WallTime now);

// Whether the job needs an entry in the queue it does not have yet, after a change. A job in pull
// mode never gets one; one that runs or has ended needs none any more.
bool needs_entry(const nlohmann::json& job);

bool is_final_state(const nlohmann::json& job);
bool is_running(const nlohmann::json& job);
bool is_bulk(const nlohmann::json& job);

}  // namespace jobengine::api::cimi
