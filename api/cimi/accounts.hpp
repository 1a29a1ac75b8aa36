// Users and what they log in with, as documents: user/<uuid>, user-identifier/<uuid of the name>,
// credential/<uuid> (spec 3.3). Pure but for the store it reads.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/access/identity.hpp"
#include "api/cimi/timestamp.hpp"
#include "api/store/store.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::api::cimi {

// The id under which the name is found; the same for the same name, so that a name is taken once.
std::string identifier_id(const std::string& username);

struct Account {
  nlohmann::json user;
  nlohmann::json credential;  // the one with the password's hash
};
// Nothing when there is no such user (or its documents are incomplete).
awaitable<std::optional<Account>> find_account(store::Store& store, std::string username);

struct NewAccount {
  std::string username;
  std::string password_hash;
  std::vector<std::string> groups;  // "group/nuvla-admin"; they must exist
  std::string created_by = "internal";
  nlohmann::json descriptive = nlohmann::json::object();  // further attributes of the user
};
struct AccountMade {
  std::string id;             // "" when it was not made, for one of these reasons:
  bool name_taken = false;    // there is such a user
  std::string missing_group;  // there is no such group
};
// Makes the three documents, and the user a member of the groups, in one transaction.
awaitable<AccountMade> create_account(store::Store& store, NewAccount account);

// Replaces the password. `expected_hash`: what the credential must still hold ("": anything).
// Returns whether it was replaced.
awaitable<bool> set_password(store::Store& store, std::string credential_id, std::string hash,
                             std::string expected_hash);

// All sessions of that user but `kept` ("": none is kept). Authentication::forget() makes it count
// at once.
awaitable<void> end_sessions(store::Store& store, std::string user_id, std::string kept);

// On the first start creates the administrator; later takes over a password that was changed.
// `password` may be empty when the administrator exists. Returns false when there is none and no
// password to make one with.
awaitable<bool> ensure_administrator(store::Store& store, std::string username,
                                     std::string password);

}  // namespace jobengine::api::cimi
