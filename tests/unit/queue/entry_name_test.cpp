#include "common/queue/entry_name.hpp"

#include <catch2/catch.hpp>

using namespace jobengine::queue;

TEST_CASE("entry name: kazoo's form is read and written", "[queue]") {
  const auto name = parse_entry_name("entry-050-0000000012");
  REQUIRE(name);
  REQUIRE(name->priority == 50);
  REQUIRE(name->sequence == 12);
  REQUIRE(name->text() == "entry-050-0000000012");
  REQUIRE(entry_prefix(7) == "entry-007-");
}

TEST_CASE("entry name: served by priority, then by arrival", "[queue]") {
  REQUIRE(*parse_entry_name("entry-010-0000000099") < *parse_entry_name("entry-050-0000000001"));
  REQUIRE(*parse_entry_name("entry-050-0000000001") < *parse_entry_name("entry-050-0000000002"));
}

TEST_CASE("entry name: names of another form are none", "[queue]") {
  for (const char* text :
       {"", "entry", "entry-", "entry-050", "entry-050-", "entry-050-12", "entry-5-0000000012",
        "entry-abc-0000000012", "entry-050-00000000xx", "lock-050-0000000012",
        "entry--00-0000000012", "entry-050-00000000000000012"}) {
    CAPTURE(text);
    REQUIRE_FALSE(parse_entry_name(text));
  }
}
