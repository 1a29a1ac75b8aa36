#include "api/access/standing.hpp"

#include <catch2/catch.hpp>

#include "api/cimi/groups.hpp"
#include "api/cimi/password_rules.hpp"

namespace jobengine::api {
namespace {

using Claims = std::vector<std::string>;

TEST_CASE("standing: acting as a group puts the other groups aside", "[api]") {
  const Claims all{"user/jane", "group/nuvla-user", "group/nuvla-anon", "group/a",
                   "group/nuvla-admin"};
  CHECK(access::claims_while_acting_as("user/jane", "user/jane", all) == all);
  CHECK(access::claims_while_acting_as("", "user/jane", all) == all);
  CHECK(access::claims_while_acting_as("group/a", "user/jane", all) ==
        Claims{"user/jane", "group/nuvla-user", "group/nuvla-anon", "group/a"});
  // A claim one does not have does not come from acting as it.
  CHECK(access::claims_while_acting_as("group/b", "user/jane", all) ==
        Claims{"user/jane", "group/nuvla-user", "group/nuvla-anon"});
}

TEST_CASE("groups: names are what principals can be", "[api]") {
  for (const char* name : {"a", "team-a", "0", "a-1-b", "nuvla-admin"}) {
    CHECK(cimi::group_name_error(name).empty());
  }
  for (const char* name : {"", "-", "a_b", "a/b", "A", "a--b", "a-", "nuvla-anon"}) {
    CHECK_FALSE(cimi::group_name_error(name).empty());
  }
  CHECK_FALSE(cimi::group_name_error(std::string(101, 'a')).empty());
}

TEST_CASE("passwords: the shortest and the longest that are fine", "[api]") {
  CHECK(cimi::password_error("12345678", "jane").empty());
  CHECK_FALSE(cimi::password_error("1234567", "jane").empty());
  CHECK(cimi::password_error("y" + std::string(1023, 'x'), "jane").empty());
  CHECK_FALSE(cimi::password_error("y" + std::string(1024, 'x'), "jane").empty());
  CHECK_FALSE(cimi::password_error("", "jane").empty());
  CHECK_FALSE(cimi::password_error("JaneDoe12", "janedoe12").empty());
}

}  // namespace
}  // namespace jobengine::api
