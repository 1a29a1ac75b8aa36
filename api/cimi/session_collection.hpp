// Sessions (spec 3.3): made by logging in, ended by deleting them; acting as one of one's groups.
#pragma once

#include "api/access/authentication.hpp"
#include "api/cimi/collection.hpp"
#include "api/cimi/login.hpp"

namespace jobengine::api::cimi {

class SessionCollection : public Collection {
 public:
  // `authentication` must outlive it.
  SessionCollection(store::Store& store, access::Authentication& authentication, Logins logins);

  Description description() const override;
  awaitable<http::Response> add(Call call) override;
  awaitable<http::Response> edit(Call call) override;
  awaitable<http::Response> remove(Call call) override;
  // get-groups: [{"id": "group/x", "name": …, "description": …}], the groups one may act as.
  // get-peers: {"user/…": "<name>"}, who is in one of them too; everybody for administrators.
  // switch-group {"claim": "group/x"}: a cookie that acts as that group, or as oneself again.
  awaitable<http::Response> operate(Call call) override;

 protected:
  nlohmann::json new_document(const Call& call, const std::string& id, WallTime now) override;
  nlohmann::json edited_document(const nlohmann::json& current, const Call& call,
                                 WallTime now) override;
  std::vector<std::string> further_operations(const nlohmann::json& document,
                                              const access::Identity& who) const override;
  bool editable(const nlohmann::json& document) const override;
  // One's own session only, administrators included.
  store::Visibility visibility(const access::Identity& who) const override;

 private:
  // The groups among all claims the session may act as. Throws CimiError unless it is the caller's
  // own.
  struct Own {
    nlohmann::json session;
    std::vector<std::string> claims;
    std::vector<std::string> groups;
  };
  awaitable<Own> own_session(Call call);
  awaitable<http::Response> groups(Call call);
  awaitable<http::Response> peers(Call call);
  awaitable<http::Response> switch_group(Call call);
  std::string cookie(const access::Identity& who, WallTime expiry, const Call& call) const;

  access::Authentication& authentication_;
  Logins logins_;
};

}  // namespace jobengine::api::cimi
