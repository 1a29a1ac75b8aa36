// Operations of declared resource types: whether one is possible, the job it makes, and what the
// end of that job does to its target. Pure: runs on the store's writing thread too.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "api/access/identity.hpp"
#include "api/cimi/generic_type.hpp"
#include "api/cimi/timestamp.hpp"
#include "api/store/store.hpp"

namespace jobengine::api::cimi {

// The right and the condition.
bool is_possible(const GenericOperation& operation, const nlohmann::json& resource,
                 const access::Identity& who, WallTime now);

// Throws CimiError: 403 without the right.
void check_right(const GenericOperation& operation, const nlohmann::json& resource,
                 const access::Identity& who);
// The resource after the operation has begun. Throws CimiError: 409 when it is not possible now,
// 400.
nlohmann::json begun(const GenericType& type, const GenericOperation& operation,
                     const nlohmann::json& resource, const access::Identity& who, WallTime now);

// The job of an operation on that resource (spec 2.9), from the body of the request: "parent-job",
// "low-priority", and what the payload takes over. Administrators own it; the caller and the
// resource's owners see and may cancel it. Throws CimiError 400.
nlohmann::json operation_job(const GenericOperation& operation, const nlohmann::json& resource,
                             const nlohmann::json& body, const std::string& job_id,
                             const access::Identity& who, WallTime now);

// "bulk_stop_deployment"
std::string bulk_action_name(const GenericType& type, const GenericOperation& operation);
// The job of bulk-<operation> (spec 3.7): an action finds the resources and operates on each.
nlohmann::json bulk_job(const GenericType& type, const GenericOperation& operation,
                        const nlohmann::json& body, const std::string& job_id,
                        const access::Identity& who, WallTime now);

// What a job that has ended does to its target. Throws CimiError when the target's schema forbids
// it.
store::Decision hook_decision(const GenericType& type, const GenericHook& hook,
                              const nlohmann::json& job, const nlohmann::json& target,
                              WallTime now);

}  // namespace jobengine::api::cimi
