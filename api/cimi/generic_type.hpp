// A resource type an operator has declared: what its resources are, who may do what with them, and
// which operations start which action. Made by generic_type_reader. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/acl.hpp"
#include "api/filter/filter.hpp"
#include "common/json_schema/json_schema.hpp"

namespace jobengine::api::cimi {

// A condition on a resource, with its text for messages.
struct GenericCondition {
  std::string text;  // "state=['STARTED','ERROR']"
  filter::Node filter;
};

// What the end of a job does to its target resource.
struct GenericHook {
  std::optional<GenericCondition> when;  // on the target; else the hook does nothing
  nlohmann::json set = nlohmann::json::object();
  bool remove = false;
  std::string remove_if;  // the target is removed when the job's payload holds true under this key
};

// How a job ended.
enum class GenericEnd { Success, Failure, Cancel, Timeout };

struct GenericOperation {
  std::string name;    // "start"
  std::string text;    // one sentence for people; may be empty
  std::string action;  // of the job it makes; empty: it makes none
  std::optional<int> priority;
  std::string execution_mode = "push";
  std::string execution_mode_from;  // attribute of the resource; empty: none
  // The job's payload is made of these, later ones win; empty: it has none.
  nlohmann::json payload = nlohmann::json::object();
  std::map<std::string, std::vector<std::string>> payload_from_resource;  // key → path
  std::vector<std::string> payload_from_body;                             // keys
  std::optional<GenericCondition> when;           // on the resource: when the operation is possible
  nlohmann::json set = nlohmann::json::object();  // attributes of the resource, with the job
  access::Right right = access::Right::Manage;
  bool reuse = false;     // an unfinished job of the action on the resource is answered instead
  bool bulk = false;      // bulk-<name> exists
  std::string edge_from;  // attribute that names the edge that may edit the job; empty: none
  std::map<GenericEnd, GenericHook> hooks;
};

struct GenericType {
  std::string name;   // "deployment"
  std::string where;  // "deployment.yaml:3": of its declaration
  std::string text;   // one sentence for people
  // Of the attributes that are not common to all resources, and of those common ones it names.
  std::optional<json_schema::JsonSchema> schema;
  access::CollectionAcl collection_acl;
  nlohmann::json acl;  // of new resources; "active-claim" stands for their maker's
  nlohmann::json attributes = nlohmann::json::object();  // where an add has none
  nlohmann::json initial = nlohmann::json::object();     // whatever an add has
  std::vector<std::string> managed;  // only administrators, operations and hooks change these
  std::vector<GenericOperation> operations;

  const GenericOperation* operation(std::string_view operation_name) const;
  // What the end of a job with this action does to a target of this type; null: nothing.
  const GenericHook* hook(std::string_view action, GenericEnd end) const;
};

// All that are declared. Immutable.
class GenericTypes {
 public:
  GenericTypes() = default;
  explicit GenericTypes(std::vector<GenericType> types) : types_(std::move(types)) {}
  const std::vector<GenericType>& all() const { return types_; }
  const GenericType* find(std::string_view name) const;
  // Of "deployment/1234".
  const GenericType* of(std::string_view id) const;

 private:
  std::vector<GenericType> types_;
};

}  // namespace jobengine::api::cimi
