// group: who may act together. Managed by administrators, seen by its members.
#pragma once

#include "api/access/authentication.hpp"
#include "api/cimi/collection.hpp"

namespace jobengine::api::cimi {

// Add: {"template": {"href": "group-template/generic", "group-identifier": "team-a"}, "users":
// ["user/…"], "name": …, "description": …}; the id is group/team-a.
class GroupCollection : public Collection {
 public:
  // It must outlive the collection.
  GroupCollection(store::Store& store, access::Authentication& authentication);
  Description description() const override;
  awaitable<http::Response> add(Call call) override;
  awaitable<http::Response> edit(Call call) override;
  awaitable<http::Response> remove(Call call) override;

 protected:
  nlohmann::json new_document(const Call& call, const std::string& id, WallTime now) override;
  nlohmann::json edited_document(const nlohmann::json& current, const Call& call,
                                 WallTime now) override;

 private:
  // Throws CimiError 400 unless these are users there are; those in `known` are believed.
  awaitable<void> expect_users(nlohmann::json users, nlohmann::json known, std::string id);

  access::Authentication& authentication_;
};

}  // namespace jobengine::api::cimi
