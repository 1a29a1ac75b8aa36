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

// Whether a login as `user_id` may go on: the user exists and is not suspended.
awaitable<bool> is_active_user(store::Store& store, std::string user_id);

// The claims of a user: itself, its groups.
std::vector<std::string> claims_of(const nlohmann::json& user);

struct NewAccount {
  std::string username;
  std::string password_hash;
  std::vector<std::string> groups;  // "group/nuvla-admin"
};
// Makes the three documents in one transaction. Returns the user's id; nothing when the name is
// taken.
awaitable<std::optional<std::string>> create_account(store::Store& store, NewAccount account);

// Replaces the password.
awaitable<void> set_password(store::Store& store, std::string credential_id, std::string hash);

// On the first start creates the administrator; later takes over a password that was changed.
// `password` may be empty when the administrator exists. Returns false when there is none and no
// password to make one with.
awaitable<bool> ensure_administrator(store::Store& store, std::string username,
                                     std::string password);

}  // namespace jobengine::api::cimi
