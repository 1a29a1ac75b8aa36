#include "api/cimi/generic_type_reader.hpp"

#include <catch2/catch.hpp>

#include "common/configuration/yaml_document.hpp"

namespace jobengine::api::cimi {
namespace {

std::string refusal(const std::string& text) {
  try {
    parse_generic_types(text, "types.yaml");
  } catch (const configuration::YamlError& error) {
    return error.what();
  }
  return {};
}

// `content` below a type named robot, in flow style.
std::string robot(const std::string& content) {
  return refusal("resources:\n  robot: " + content + "\n");
}
std::string operation(const std::string& content) {
  return robot("{operations: {go: " + content + "}}");
}

TEST_CASE("declaration: everything has its default", "[api][generic]") {
  const auto types = parse_generic_types("resources:\n  robot: {}\n", "types.yaml");
  const auto* type = types.find("robot");
  REQUIRE(type != nullptr);
  CHECK(types.of("robot/1") == type);
  CHECK(types.of("robot") == nullptr);
  CHECK(types.of("car/1") == nullptr);
  CHECK(type->where == "types.yaml:2");
  CHECK(type->collection_acl.query == std::vector<std::string>{"group/nuvla-user"});
  CHECK(type->collection_acl.add == std::vector<std::string>{"group/nuvla-user"});
  CHECK(type->collection_acl.bulk_delete == std::vector<std::string>{"group/nuvla-admin"});
  CHECK_FALSE(type->schema);
}

TEST_CASE("declaration: an operation is read with all it has", "[api][generic]") {
  const auto types = parse_generic_types(R"(resources:
  robot:
    operations:
      go-home:
        action: move
        priority: 7
        execution-mode: pull
        execution-mode-from: mode
        payload: {speed: 3}
        payload-from-resource: {home: place/home}
        payload-from-body: [by]
        when: state='IDLE'
        set: {state: MOVING}
        right: edit-data
        reuse: true
        bulk: true
        on-success: {set: {state: IDLE}, when: state='MOVING', delete-if: scrap}
)",
                                         "types.yaml");
  const auto* one = types.find("robot")->operation("go-home");
  REQUIRE(one != nullptr);
  CHECK(one->action == "move");
  CHECK(one->priority == 7);
  CHECK(one->execution_mode == "pull");
  CHECK(one->payload["speed"] == 3);
  CHECK(one->payload_from_resource.at("home") == std::vector<std::string>{"place", "home"});
  CHECK(one->right == access::Right::EditData);
  const auto* hook = types.find("robot")->hook("move", GenericEnd::Success);
  REQUIRE(hook != nullptr);
  CHECK(hook->remove_if == "scrap");
  CHECK(types.find("robot")->hook("move", GenericEnd::Failure) == nullptr);
}

TEST_CASE("declaration: what is wrong is said with file, line and place", "[api][generic]") {
  CHECK(refusal("things: {}").starts_with("types.yaml:1: unknown key \"things\""));
  CHECK(refusal("{}").find("the key \"resources\" is missing") != std::string::npos);
  CHECK(
      refusal("resources:\n  job: {}").starts_with("types.yaml:2: resources.job: job-api itself"));
  CHECK(refusal("resources:\n  Robot: {}").find("is no name for a resource type") !=
        std::string::npos);
  CHECK(robot("{schema: {type: strin}}").find("no JSON Schema of draft 7: /type: \"strin\"") !=
        std::string::npos);
  CHECK(robot("{schema: none.json}").find("none.json: cannot be read") != std::string::npos);
  CHECK(robot("{acl: {owners: [jane]}}").find("acl: 'owners' holds \"jane\"") != std::string::npos);
  CHECK(robot("{acl: {view-data: [user/a]}}").find("'owners' must name") != std::string::npos);
  CHECK(robot("{collection-acl: {add: [everybody]}}").find("expected a principal") !=
        std::string::npos);
  CHECK(robot("{attributes: {id: robot/1}}").find("\"id\" is set by the server") !=
        std::string::npos);
  CHECK(robot("{initial: [a]}").find("a map of attributes was expected") != std::string::npos);
}

TEST_CASE("declaration: operations that mean nothing are refused", "[api][generic]") {
  CHECK(operation("{}").find("it does nothing: expected action or set") != std::string::npos);
  CHECK(
      operation("{set: {a: 1}, priority: 3}").find("priority: means nothing without \"action\"") !=
      std::string::npos);
  CHECK(operation("{action: 'rm -rf'}").find("where the name of an action was expected") !=
        std::string::npos);
  CHECK(operation("{action: a, priority: 1000}").find("expected 0 (most urgent) to 999") !=
        std::string::npos);
  CHECK(operation("{action: a, execution-mode: fast}").find("one of push, pull, mixed") !=
        std::string::npos);
  CHECK(operation("{action: a, when: 'state='}").find("when: Invalid CIMI filter") !=
        std::string::npos);
  CHECK(operation("{action: a, when: \"place within 'x'\"}").find("not supported") !=
        std::string::npos);
  CHECK(operation("{action: a, right: fly}").find("one of delete, edit-acl") != std::string::npos);
  CHECK(operation("{action: a, on-success: {}}").find("it does nothing") != std::string::npos);
  CHECK(operation("{action: a, payload-from-resource: {a: b//c}}").find("a path such as a/b") !=
        std::string::npos);
  CHECK(robot("{operations: {edit: {action: a}}}").find("has a \"edit\" already") !=
        std::string::npos);
  CHECK(robot("{operations: {bulk-x: {action: a}}}").find("not beginning with bulk-") !=
        std::string::npos);
  CHECK(robot("{operations: {a: {action: x, on-cancel: {delete: true}}, "
              "b: {action: x, on-cancel: {delete: true}}}}")
            .find("another operation says already what the end of x does") != std::string::npos);
}

TEST_CASE("declaration: a value that the type's own schema forbids is refused", "[api][generic]") {
  const auto with_schema = [](const std::string& rest) {
    return robot(
        "{schema: {definitions: {mood: {enum: [GOOD, BAD]}}, required: [size], properties: "
        "{size: {type: integer}, mood: {$ref: '#/definitions/mood'}}}, " +
        rest + "}");
  };
  CHECK(with_schema("initial: {mood: GOOD, other: 1}") == "");
  CHECK(
      with_schema("initial: {mood: SAD}")
          .find("resources.robot.initial.mood: the schema forbids it: /mood: \"SAD\", expected") !=
      std::string::npos);
  CHECK(with_schema("attributes: {size: big}").find("attributes.size: the schema forbids it") !=
        std::string::npos);
  CHECK(with_schema("operations: {cheer: {set: {mood: SAD}}}").find("cheer.set.mood: the schema") !=
        std::string::npos);
  CHECK(with_schema("operations: {cheer: {action: a, on-failure: {set: {mood: SAD}}}}")
            .find("cheer.on-failure.set.mood: the schema") != std::string::npos);
}

}  // namespace
}  // namespace jobengine::api::cimi
