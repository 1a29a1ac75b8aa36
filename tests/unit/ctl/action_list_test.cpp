#include "ctl/action_list.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace jobengine;
using Catch::Contains;
using nlohmann::json;

namespace {

const json report = json::parse(R"({
  "labels": ["region=eu"],
  "actions": [
    {"name": "resize", "file": "/a/resize.so", "edition": 2, "loaded-at": "2026-11-21T08:00:00Z", "offered": true,
     "manifest": {"name": "resize", "description": "Resizes", "pull-mode": true, "timeout": "90000ms",
       "idle-timeout": "0ms", "isolation": "process", "labels": [], "payload-schema": {"type": "object"},
       "retry": {"limit": 5, "first-delay": "1000ms", "longest-delay": "300000ms", "on": ["crash"]}}},
    {"name": "bulk_*", "file": "/a/bulk.so", "manifest": {"name": "bulk_*"}},
    {"name": "train", "file": "/a/train.so", "offered": false, "reason": "needs the label gpu, which this executor lacks",
     "manifest": {"name": "train", "labels": ["gpu"]}}],
  "refused": [{"file": "/a/x.so", "reason": "not an ELF file", "former-edition-in-service": true}]})");

}  // namespace

TEST_CASE("actions: a line each, with what is not offered and why", "[ctl]") {
  const std::string text = ctl::table_of_actions(report, 0);
  CHECK_THAT(text, Contains("resize  process    yes   90s      -       Resizes"));
  CHECK_THAT(text, Contains("[not offered: needs the label gpu"));
  CHECK(ctl::refused_files(report) ==
        "/a/x.so is refused: not an ELF file (its former edition is in service)\n");
}

TEST_CASE("actions: everything about one", "[ctl]") {
  const std::string text = ctl::description_of_action(ctl::find_action(report, "resize"));
  CHECK_THAT(text, Contains("timeout       90s\n"));
  CHECK_THAT(text, Contains("retries       at most 5, after 1s to 5m; also on: crash\n"));
  CHECK_THAT(text, Contains("edition       2, loaded at 2026-11-21T08:00:00Z\n"));
  CHECK_THAT(text, Contains("\"type\": \"object\""));
  CHECK_THAT(ctl::description_of_action(ctl::find_action(report, "bulk_stop")),
             Contains("name          bulk_*\n") && Contains("payload       anything"));
}

TEST_CASE("actions: one that is not there is named with the nearest", "[ctl]") {
  CHECK_THROWS_WITH(ctl::find_action(report, "resise"), Contains("did you mean resize?"));
}
