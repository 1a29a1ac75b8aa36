// What a session is worth now, whatever it was worth when it began: which claims its user still
// has (spec 3.3).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/access/identity.hpp"
#include "api/store/store.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::api::access {

// The groups ("group/x") whose `users` name that user.
awaitable<std::vector<std::string>> groups_of_user(store::Store& store, std::string user_id);

// All claims of a user: itself, group/nuvla-user, group/nuvla-anon, its groups. Nothing when there
// is no such user or it is suspended.
awaitable<std::optional<std::vector<std::string>>> claims_of_user(store::Store& store,
                                                                  std::string user_id);

// The claims an API key still has: those it was made with, as far as its user has them still.
// Nothing when the key (a credential's document) has expired or its user is gone or suspended.
awaitable<std::optional<std::vector<std::string>>> claims_of_key(store::Store& store,
                                                                 nlohmann::json credential);

// The most a session may act as: the claims of its user, or of the API key it began with. Nothing
// when it has ended: logged out, past its expiry, user or key gone.
awaitable<std::optional<std::vector<std::string>>> claims_of_session(store::Store& store,
                                                                     std::string session_id);

// Claims while acting as `active_claim`, out of all one has: a group's claims are the user's own,
// the group's and those everybody has, without the user's other groups.
std::vector<std::string> claims_while_acting_as(const std::string& active_claim,
                                                const std::string& user_id,
                                                const std::vector<std::string>& all);

}  // namespace jobengine::api::access
