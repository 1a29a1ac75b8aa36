#include "ctl/payload.hpp"

#include <catch2/catch.hpp>

#include "common/configuration/options.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using Catch::Contains;
using configuration::UsageError;

TEST_CASE("payload: JSON is passed on as it was written, without the blanks around it", "[ctl]") {
  REQUIRE(ctl::read_payload(" {\"b\": 1.50, \"a\": [] } \n") == "{\"b\": 1.50, \"a\": [] }");
}

TEST_CASE("payload: comes from a file with @", "[ctl]") {
  const tests::TemporaryDirectory directory;
  const auto file = directory.file("payload.json", "{\"argv\": [\"true\"]}\n");
  REQUIRE(ctl::read_payload("@" + file) == "{\"argv\": [\"true\"]}");
}

TEST_CASE("payload: what is not JSON is refused with the place of the mistake", "[ctl]") {
  REQUIRE_THROWS_AS(ctl::read_payload("{\"a\": }"), UsageError);
  REQUIRE_THROWS_WITH(ctl::read_payload("{\"a\": }"),
                      Contains("--payload") && Contains("line 1, column 7"));
  REQUIRE_THROWS_WITH(ctl::read_payload(""), Contains("is empty"));
}

TEST_CASE("payload: a file that cannot be read or holds no JSON is named", "[ctl]") {
  const tests::TemporaryDirectory directory;
  const auto missing = (directory.path() / "missing.json").string();
  REQUIRE_THROWS_WITH(ctl::read_payload("@" + missing),
                      Contains(missing) && Contains("No such file"));
  REQUIRE_THROWS_WITH(ctl::read_payload("@" + directory.path().string()), Contains("cannot read"));
  const auto text = directory.file("text", "hello");
  REQUIRE_THROWS_WITH(ctl::read_payload("@" + text), Contains(text) && Contains("is not JSON"));
}

TEST_CASE("job ids: are accepted with and without job/", "[ctl]") {
  const std::string uuid = "5e644584-64a2-4c7b-95df-f9719e02fd3f";
  REQUIRE(ctl::job_id(uuid) == "job/" + uuid);
  REQUIRE(ctl::job_id("job/" + uuid) == "job/" + uuid);
  REQUIRE_THROWS_WITH(ctl::job_id("deployment/1"), Contains("'deployment/1'"));
  REQUIRE_THROWS_AS(ctl::job_id(""), UsageError);
}

TEST_CASE("payload: what never ends is refused", "[ctl]") {
  REQUIRE_THROWS_WITH(ctl::read_json("@/dev/zero", "--checkpoint"),
                      Contains("--checkpoint") && Contains("more than"));
}
