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
    "id": "job/6d13cdcd-c2b8-5195-9223-b470f79302b4",
    "target-resource": {"href": "deployment/1"}, "payload": "{\"n\":3}",
    "acl": {"owners": ["user/7"]}, "priority": 20, "execution-mode": "mixed"})"));
  CHECK(attributes_of(job) == std::set<std::string>{"id", "count", "owner"});
  JobTemplate bare;
  bare.action = "cleanup_jobs";
  CHECK(*job_document(bare, "m", json()) == parsed(R"({"action": "cleanup_jobs", "name": "m",
                  "id": "job/bfbe3825-f33c-5aca-8edf-d10976a32ef0"})"));
  JobTemplate odd;
  odd.action = "x";
  odd.target = "${count}";
  CHECK_FALSE(job_document(odd, "m", row));
}

TEST_CASE("job: its id is that of its name, as RFC 4122 makes it", "[distributor][template]") {
  // Python's uuid.uuid5() with the same name space.
  CHECK(id_of("cleanup_jobs@2026-11-21T00:00:00.000Z") ==
        "job/2f44230f-1a0f-5874-a570-754fa8533bb8");
  CHECK(id_of("d@2026-11-21T12:00:00.000Z deployment/1") ==
        "job/71974804-2acc-579b-8cef-56072724baf4");
}

TEST_CASE("job: one id for each distribution, tick and row, whatever else the template says",
          "[distributor][template]") {
  const Instant noon = *parse_instant("2026-11-21T12:00:00Z");
  JobTemplate job;
  job.action = "a";
  std::set<std::string> ids;
  for (const char* distribution : {"d", "e"}) {
    for (const Instant tick : {noon, noon + Span(1)}) {
      const std::string mark = mark_of(distribution, tick);
      ids.insert(job_document(job, mark, nullptr)->at("id").get<std::string>());
      for (const char* id : {"deployment/1", "deployment/2"}) {
        ids.insert(job_document(job, mark, json{{"id", id}})->at("id").get<std::string>());
      }
    }
  }
  CHECK(ids.size() == 12);
  const std::string mark = mark_of("d", noon);
  const auto before = job_document(job, mark, row);
  job.action = "b";
  job.priority = 7;
  job.payload = json{{"x", 1}};
  CHECK(job_document(job, mark, row)->at("id") == before->at("id"));
}
