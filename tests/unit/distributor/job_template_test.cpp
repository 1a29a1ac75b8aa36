#include "distributor/job_template.hpp"

#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"
#include "distributor/placeholders.hpp"

using namespace jobengine::distributor;
using nlohmann::json;

namespace {

const json row = json::parse(R"({"id": "deployment/1", "name": "a \"quoted\" name", "count": 3,
  "owner": {"href": "user/7"}, "list": [1, 2], "nothing": null})");

json parsed(const char* text) {
  return json::parse(text);
}

}  // namespace

TEST_CASE("placeholders: texts are filled, a lone placeholder keeps the value's type",
          "[distributor][template]") {
  CHECK(filled(json("${id}"), row) == json("deployment/1"));
  CHECK(filled(json("x-${id}-${count}"), row) == json("x-deployment/1-3"));
  CHECK(filled(json("${count}"), row) == json(3));
  CHECK(filled(json("${list}"), row) == parsed("[1, 2]"));
  CHECK(filled(json("${owner/href}"), row) == json("user/7"));
  CHECK(filled(json("$${id} $id {id}"), row) == json("${id} $id {id}"));
  CHECK(filled(parsed(R"({"a": ["${id}", 5, null]})"), row) ==
        parsed(R"({"a": ["deployment/1", 5, null]})"));
}

TEST_CASE("placeholders: no row can change the structure", "[distributor][template]") {
  json evil;
  evil["id"] = "x\", \"admin\": \"true";
  CHECK(filled(parsed(R"({"who": "id ${id}"})"), evil)->size() == 1);
  const json nested = parsed(R"({"id": "${name}", "name": "inner"})");
  CHECK(filled(json("${id}"), nested) == json("${name}"));  // filled once, not again
}

TEST_CASE("placeholders: a row without the attribute yields nothing", "[distributor][template]") {
  for (const char* text :
       {"${absent}", "${nothing}", "${owner/absent}", "${id/deeper}", "x ${list}"}) {
    CHECK_FALSE(filled(json(text), row));
  }
}

TEST_CASE("placeholders: malformed ones are refused, the others are listed",
          "[distributor][template]") {
  CHECK(placeholders_of(parsed(R"({"a": "${id} ${owner/href}", "b": ["$${c}"]})")) ==
        std::set<std::string>{"id", "owner"});
  for (const char* bad : {"${id", "${}", "${a b}", "${/a}", "${a//b}", "${a/}"}) {
    CHECK_THROWS_AS(placeholders_of(json(bad)), jobengine::runtime::Failure);
  }
}

TEST_CASE("job template: the document of a job, and its name that tells the tick",
          "[distributor][template]") {
  JobTemplate job;
  job.action = "check";
  job.target = "${id}";
  job.payload = parsed(R"({"n": "${count}"})");
  job.acl = parsed(R"({"owners": ["${owner/href}"]})");
  job.priority = 20;
  job.execution_mode = "mixed";
  const std::string mark = mark_of("checks", *parse_instant("2026-11-21T12:00:00Z"));
  const auto document = job_document(job, mark, row);
  REQUIRE(document);
  CHECK(*document == parsed(R"({"action": "check",
    "name": "checks@2026-11-21T12:00:00.000Z deployment/1",
    "target-resource": {"href": "deployment/1"}, "payload": "{\"n\":3}",
    "acl": {"owners": ["user/7"]}, "priority": 20, "execution-mode": "mixed"})"));
  CHECK(attributes_of(job) == std::set<std::string>{"id", "count", "owner"});
  JobTemplate bare;
  bare.action = "cleanup_jobs";
  CHECK(*job_document(bare, "m", json()) == parsed(R"({"action": "cleanup_jobs", "name": "m"})"));
  JobTemplate odd;
  odd.action = "x";
  odd.target = "${count}";
  CHECK_FALSE(job_document(odd, "m", row));
}
