#include "api/cimi/templates.hpp"

#include "api/cimi/account_descriptions.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

access::CollectionAcl read_by_everybody() {
  access::CollectionAcl acl;
  acl.query = {std::string(access::anonymous_claim)};
  return acl;
}

// Attributes named in `asked` are those to be filled in, with what stands there by default.
json template_document(const std::string& id, const std::string& name, const std::string& text,
                       const std::string& since, const json& asked) {
  json document = asked;
  document["id"] = id;
  document["resource-type"] = id.substr(0, id.find('/'));
  document["created"] = since;
  document["updated"] = since;
  document["created-by"] = "internal";
  document["name"] = name;
  document["description"] = text;
  document["method"] = id.substr(id.find('/') + 1);
  document["instance"] = document["method"];
  json acl;
  acl["owners"] = json::array({access::admin_claim});
  acl["view-data"] = json::array({access::anonymous_claim});
  document["acl"] = access::normalised_acl(acl);
  return document;
}

std::vector<json> documents(const std::string& since) {
  json password;
  password["username"] = "";
  password["password"] = "";
  json key;
  key["key"] = "";
  key["secret"] = "";
  json user = password;
  user["groups"] = json::array();
  json generated;
  generated["ttl"] = 0;
  generated["subtype"] = "credential-api-key";
  json group;
  group["group-identifier"] = "";
  return {
      template_document("session-template/password", "Password",
                        "Log in with the name of a user and its password", since, password),
      template_document("session-template/api-key", "API key",
                        "Log in with the id of an API key and its secret", since, key),
      template_document("user-template/username-password", "Name and password",
                        "A user that logs in with a password", since, user),
      template_document("credential-template/generate-api-key", "API key",
                        "An API key of one's own, valid for ttl seconds (0: for good)", since,
                        generated),
      template_document("group-template/generic", "Group",
                        "Users who may act together as group/<group-identifier>", since, group),
  };
}

}  // namespace

std::vector<std::string> template_collections() {
  return {"session-template", "user-template", "credential-template", "group-template"};
}

awaitable<void> put_templates(store::Store& store, std::string since) {
  std::vector<store::Change> changes;
  for (auto& document : documents(since)) {
    store::Change put;
    put.id = document["id"].get<std::string>();
    put.decide = [document = std::move(document)](const store::StoredDocument* current) {
      store::Decision decision;
      if (current == nullptr || current->document != document) {
        decision.kind = store::Decision::Kind::Put;
      }
      decision.document = document;
      return decision;
    };
    changes.push_back(std::move(put));
  }
  co_await store.change(std::move(changes));
}

TemplateCollection::TemplateCollection(store::Store& store, const std::string& name)
    : Collection(store, name, read_by_everybody()) {}

Description TemplateCollection::description() const {
  return described_template(Collection::description());
}

json TemplateCollection::new_document(const Call& call, const std::string& /*id*/,
                                      WallTime /*now*/) {
  throw method_not_allowed(call);
}

json TemplateCollection::edited_document(const json& /*current*/, const Call& call,
                                         WallTime /*now*/) {
  throw method_not_allowed(call);
}

bool TemplateCollection::editable(const json& /*document*/) const {
  return false;
}

awaitable<http::Response> TemplateCollection::add(Call call) {
  throw method_not_allowed(call);
}

awaitable<http::Response> TemplateCollection::edit(Call call) {
  throw method_not_allowed(call);
}

awaitable<http::Response> TemplateCollection::remove(Call call) {
  throw method_not_allowed(call);
}

}  // namespace jobengine::api::cimi
