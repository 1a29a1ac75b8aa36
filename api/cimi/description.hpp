// What a collection tells about itself. /api/openapi.json and /api/resource-metadata are made of it
// and of nothing else. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace jobengine::api::cimi {

// Who decides what an attribute holds.
enum class SetBy {
  Client,    // clients, on add and by edits
  Creation,  // clients, on add; later only administrators, edits of others leave it as it is
  Course,    // the server, as things happen; what a client sends is taken, but best left out
  Server,    // the server alone: what a client sends is ignored
};

struct AttributeDescription {
  std::string name;
  nlohmann::json schema;  // what a value must be: a schema object of OpenAPI 3.0
  std::string text;       // one sentence for people
  SetBy set_by = SetBy::Client;
  bool mandatory = false;      // every resource of the collection has it
  bool needed_on_add = false;  // an add without it is refused
  bool searchable = true;      // filter, orderby, aggregation
  nlohmann::json fallback;     // what an add without it stores; null: nothing
};

struct AnswerDescription {
  int status = 200;
  std::string text;
  nlohmann::json schema;  // of the body; null: it has none worth describing
  std::string content_type = "application/json";
};

struct ParameterDescription {
  std::string name;
  std::string text;
  nlohmann::json schema;
  std::string in = "query";
  bool required = false;
};

// Something that can be done: to one resource (<method> /api/<collection>/<uuid>/<name>), or to
// many by PATCH /api/<collection>/<name>.
struct OperationDescription {
  std::string name;               // "cancel"
  std::string id;                 // in OpenAPI, where several have that name; "": the name
  std::string text;               // what it does
  std::string who;                // who may, and when: "manage right, job not in a final state"
  std::string method = "post";    // in lower case
  nlohmann::json request;         // schema of the JSON body; null: none is read
  bool request_required = false;  // an empty body is refused
  bool conditional = false;       // honours If-Match with 412
  std::vector<ParameterDescription> parameters;
  std::vector<AnswerDescription> answers;  // beside the errors every operation may have
};

struct Description {
  std::string collection;  // "job"
  std::string text;        // what its resources are
  std::vector<AttributeDescription> attributes;
  bool open = false;           // resources may have attributes that are not listed
  nlohmann::json add_request;  // schema of the body of an add; null: the attributes clients set
  // The body of the answer to an add has these beside the usual: {"secret-key": <schema>}.
  nlohmann::json add_answer;
  // Schema of the id an add may bring, refused with 409 when it is taken; null: ids are ignored.
  nlohmann::json id_of_client;
  bool can_add = true;
  std::size_t most_added = 0;  // at once, by an array of them; 0: only one at a time
  bool can_edit = true;
  bool can_delete = true;
  bool can_bulk_delete = false;
  bool patchable = false;  // edits may be JSON patches (RFC 6902)
  nlohmann::json acl;      // of the collection: {"query": ["group/nuvla-user"], …}
  std::vector<OperationDescription> operations;    // on one resource
  std::vector<OperationDescription> bulk_actions;  // on what a filter finds
};

// What answers below /api/ without being a collection of the store.
struct EndpointDescription {
  std::string name;  // "openapi.json"
  std::string text;
  bool anonymous = false;   // needs no session
  bool collection = false;  // named by the cloud entry point
  // Of /api/<endpoint>, or, with a name, of /api/<endpoint>/<name>.
  std::vector<OperationDescription> methods;
};

// The schema of a resource of that collection, by reference: for answers.
nlohmann::json resource_schema(const std::string& collection);
// Of an answer to an operation that made a job.
nlohmann::json accepted_schema();

}  // namespace jobengine::api::cimi
