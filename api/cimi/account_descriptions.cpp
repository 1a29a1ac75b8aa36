#include "api/cimi/account_descriptions.hpp"

#include "api/cimi/schema.hpp"

namespace jobengine::api::cimi {
namespace {

using enum SetBy;
using nlohmann::json;

Attribute kept(const char* name, Shape shape, const char* text, Need need = Need::Free) {
  return {name, std::move(shape), text, SetBy::Server, need};
}

json text_schema(const char* text) {
  return {{"type", "string"}, {"description", text}};
}

json closed_map(json properties, json required) {
  json schema = {{"type", "object"}, {"additionalProperties", false}};
  schema["properties"] = std::move(properties);
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

// {"template": {"href": …, <asked>}, <descriptive attributes>, <further>}
json add_schema(const std::vector<std::string>& hrefs, json asked, json needed, json further) {
  asked["href"] = {{"type", "string"}, {"enum", hrefs}};
  needed.push_back("href");
  json properties = std::move(further);
  properties["template"] = closed_map(std::move(asked), std::move(needed));
  properties["description"] = json_schema(shape::non_blank());
  properties["tags"] = json_schema(shape::tags());
  return closed_map(std::move(properties), json::array({"template"}));
}

Shape user_ids() {
  auto shape = shape::list_of(shape::resource_id(), "an array of distinct ids of users");
  shape.distinct = true;
  return shape;
}

OperationDescription operation(const char* name, const char* text, const char* who,
                               std::vector<AnswerDescription> answers) {
  OperationDescription described;
  described.name = name;
  described.text = text;
  described.who = who;
  described.answers = std::move(answers);
  return described;
}

}  // namespace

Description described_session(Description base) {
  base.text = "A login: who it is, whom it acts as, until when.";
  base.attributes = described(
      common_attributes() +
      Schema{
          kept("user", shape::resource_id(), "Who logged in.", Need::Stored),
          kept("active-claim", shape::resource_id(), "Whom it acts as: itself or a group.",
               Need::Stored),
          kept("roles", shape::text(), "The claims it has, blanks between.", Need::Stored),
          kept("identifier", shape::text(), "What was logged in with.", Need::Stored),
          kept("method", shape::one_of({"password", "api-key"}), "How.", Need::Stored),
          kept("expiry", shape::time(), "When it ends.", Need::Stored),
          kept("client-ip", shape::text(), "Where the login came from."),
          kept("template", shape::href(), "The template it was made from."),
      });
  base.open = false;
  base.can_edit = false;
  base.add_request = add_schema({"session-template/password", "session-template/api-key"},
                                {{"username", text_schema("The name of the user.")},
                                 {"password", text_schema("Its password.")},
                                 {"key", text_schema("The id of the API key.")},
                                 {"secret", text_schema("Its secret.")}},
                                json::array(), {{"name", json_schema(shape::non_blank())}});
  const json group = {{"type", "object"}, {"required", json::array({"id"})}};
  const json names = {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
  auto switching = operation("switch-group",
                             "Acts as one of one's groups, or for oneself again; the answer has a "
                             "new cookie.",
                             "whose session it is",
                             {{200, "The session, as it is now.", resource_schema("session")}});
  switching.request =
      closed_map({{"claim", json_schema(shape::resource_id())}}, json::array({"claim"}));
  switching.request_required = true;
  base.operations = {
      operation(
          "get-groups", "Gives the groups one may act as.", "whose session it is",
          {{200, "Each with id, name and description.", {{"type", "array"}, {"items", group}}}}),
      operation("get-peers", "Gives who is in one of one's groups; to administrators everybody.",
                "whose session it is", {{200, "Names of users by their id.", names}}),
      switching,
  };
  return base;
}

Description described_user(Description base) {
  base.text = "Somebody who may log in.";
  base.attributes = described(
      with(common_attributes(),
           kept("name", shape::non_blank(), "What it logs in with.", Need::Stored)) +
      Schema{
          {"state", shape::one_of({"ACTIVE", "SUSPENDED"}), "Who is SUSPENDED cannot log in.",
           Client, Need::Stored, "ACTIVE"},
          kept("credential-password", shape::resource_id(), "The credential with its password."),
      });
  base.open = false;
  base.add_request =
      add_schema({"user-template/username-password"},
                 {{"username", text_schema("1 to 100 characters, no blanks, quotes or slashes.")},
                  {"password", text_schema("8 to 1024 characters that are not easy to guess.")},
                  {"groups", {{"type", "array"}, {"items", {{"type", "string"}}}}}},
                 json::array({"username", "password"}), json::object());
  return base;
}

Description described_group(Description base) {
  base.text = "Users who may act together; the id is group/<group-identifier>.";
  base.attributes = described(common_attributes() +
                              Schema{{"users", user_ids(), "Who is in it.", Client, Need::Stored}});
  base.open = false;
  base.add_request =
      add_schema({"group-template/generic"},
                 {{"group-identifier", text_schema("Letters, digits and single hyphens.")}},
                 json::array({"group-identifier"}),
                 {{"name", json_schema(shape::non_blank())}, {"users", json_schema(user_ids())}});
  return base;
}

Description described_credential(Description base) {
  base.text = "An API key, or the password of a user; neither is ever shown.";
  base.attributes = described(
      common_attributes() +
      Schema{
          kept("subtype", shape::one_of({"credential-api-key", "credential-hashed-password"}),
               "What it is.", Need::Stored),
          kept("method", shape::text(), "How it was made."),
          kept("claims", shape::map(),
               "Of an API key: whose it is and what it may at most (identity, roles, "
               "active-claim)."),
          kept("expiry", shape::time(), "When the API key ends; without it never."),
      });
  base.open = false;
  const json seconds = {{"type", "integer"}, {"minimum", 0}, {"maximum", 4000000000}};
  base.add_request = add_schema({"credential-template/generate-api-key"}, {{"ttl", seconds}},
                                json::array(), {{"name", json_schema(shape::non_blank())}});
  base.add_answer["secret-key"] = text_schema("The secret, shown this once only.");
  auto changing = operation(
      "change-password", "Changes the password; the user's other sessions end.",
      "the user, with the current password, and administrators, without",
      {{200, "It is changed.", {{"type", "object"}, {"required", json::array({"status"})}}}});
  changing.request = closed_map({{"current-password", text_schema("The password so far.")},
                                 {"new-password", text_schema("8 to 1024 characters.")}},
                                json::array({"new-password"}));
  changing.request_required = true;
  base.operations = {changing};
  return base;
}

Description described_template(Description base) {
  base.text = "What has to be filled in to add such a resource; the same for everybody.";
  base.can_add = false;
  base.can_edit = false;
  base.can_delete = false;
  return base;
}

}  // namespace jobengine::api::cimi
