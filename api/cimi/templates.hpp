// The templates clients look at before they log in or add users, groups and API keys: fixed
// documents, the same for everybody.
#pragma once

#include "api/cimi/collection.hpp"

namespace jobengine::api::cimi {

// session-template, user-template, credential-template, group-template.
std::vector<std::string> template_collections();

// Puts the documents of all of them into the store, as this version has them.
awaitable<void> put_templates(store::Store& store, std::string since);

// One of them: read by everybody, changed by nobody.
class TemplateCollection : public Collection {
 public:
  TemplateCollection(store::Store& store, const std::string& name);
  Description description() const override;
  awaitable<http::Response> add(Call call) override;
  awaitable<http::Response> edit(Call call) override;
  awaitable<http::Response> remove(Call call) override;

 protected:
  nlohmann::json new_document(const Call& call, const std::string& id, WallTime now) override;
  nlohmann::json edited_document(const nlohmann::json& current, const Call& call,
                                 WallTime now) override;
  bool editable(const nlohmann::json& document) const override;
};

}  // namespace jobengine::api::cimi
