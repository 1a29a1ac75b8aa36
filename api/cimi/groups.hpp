// Groups as documents: group/<name>, whose `users` alone says who is in them. Pure but for the
// store.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/cimi/timestamp.hpp"
#include "api/store/store.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::api::cimi {

// What is wrong with the name of a new group ("team-a"), empty when it is fine: lower-case letters
// and digits, with single hyphens between, and none of the groups that everybody is in.
std::string group_name_error(const std::string& name);

// Without members; its members see it, administrators manage it.
nlohmann::json group_document(const std::string& id, const std::string& created_by, WallTime now);

// Decides on a group: the user becomes a member (once). Nothing happens without the group.
store::Decide adding_member(const std::string& user_id);

// Makes group/nuvla-admin when there is none, of the users whose own document says, as it did
// before there were groups, that they are administrators.
awaitable<void> ensure_administrators_group(store::Store& store);
// No group has that user in it any longer.
awaitable<void> leave_all_groups(store::Store& store, std::string user_id);

}  // namespace jobengine::api::cimi
