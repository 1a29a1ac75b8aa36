#include "common/election/candidacy.hpp"

#include <catch2/catch.hpp>

using namespace jobengine::election;

TEST_CASE("candidacy: a contender's name ends with the marker and ten digits", "[election]") {
  REQUIRE(sequence_of("0123__lock__0000000012") == "0000000012");
  REQUIRE(sequence_of("__lock__-0000000012") == "-0000000012");
  for (const char* name : {"", "__lock__", "a__lock__12", "a__lock__0000000012x",
                           "a__lock__00000000123", "a_lock_0000000012", "a__rlock_0000000012"}) {
    CAPTURE(name);
    REQUIRE_FALSE(sequence_of(name));
  }
}

TEST_CASE("candidacy: the lowest sequence leads, whatever the prefix", "[election]") {
  const std::vector<std::string> names{"aa__lock__0000000003", "zz__lock__0000000001", "unrelated",
                                       "mm__lock__0000000002"};
  REQUIRE(in_order(names) == std::vector<std::string>{"zz__lock__0000000001",
                                                      "mm__lock__0000000002",
                                                      "aa__lock__0000000003"});
  REQUIRE(standing_of(names, "zz__lock__0000000001").predecessor.empty());
  REQUIRE(standing_of(names, "zz__lock__0000000001").listed);
  REQUIRE(standing_of(names, "aa__lock__0000000003").predecessor == "mm__lock__0000000002");
  REQUIRE_FALSE(standing_of(names, "gone__lock__0000000000").listed);
}

TEST_CASE("candidacy: our prefix is as kazoo's, and ours alone", "[election]") {
  const auto prefix = random_contender_prefix();
  REQUIRE(prefix.size() == 40);
  REQUIRE(prefix.find_first_not_of("0123456789abcdef") == 32);
  REQUIRE(prefix.substr(32) == "__lock__");
  REQUIRE(prefix != random_contender_prefix());
}
