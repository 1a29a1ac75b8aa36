#include <catch2/catch.hpp>

#include "tests/integration/ctl/jobctl_process.hpp"

using namespace jobengine;

TEST_CASE("jobctl dev: a declared type's operation runs its action, and the end sets the state",
          "[ctl][generic]") {
  const auto root = tests::source_directory();
  tests::DevProcess dev({"--resources", root + "/deploy/resources"});
  const auto& facts = dev.facts();
  const auto ran =
      tests::run_program({"/usr/bin/python3", root + "/tests/integration/ctl/declared_type.py",
                          facts.at("api-url"), facts.at("api-user"), facts.at("api-pass-file")},
                         {});
  CAPTURE(ran.out, ran.err);
  REQUIRE(ran.code == 0);
}
