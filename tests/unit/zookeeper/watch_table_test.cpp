#include "common/zookeeper/watch_table.hpp"

#include <catch2/catch.hpp>

using namespace jobengine;
using zookeeper::WatchTable;

TEST_CASE("watches: the event of a fired watch is raised, others are not", "[zookeeper]") {
  WatchTable table;
  auto one = std::make_shared<runtime::Event>();
  auto other = std::make_shared<runtime::Event>();
  const auto id = table.add(one);
  table.add(other);
  table.fire(id);
  REQUIRE(one->raised());
  REQUIRE_FALSE(other->raised());
  REQUIRE(table.size() == 1);
  table.fire(id);  // a late call of the library
}

TEST_CASE("watches: the end of an epoch raises all", "[zookeeper]") {
  WatchTable table;
  auto one = std::make_shared<runtime::Event>();
  auto failed = std::make_shared<runtime::Event>();
  table.add(one);
  table.drop(table.add(failed));
  table.fire_all();
  REQUIRE(one->raised());
  REQUIRE_FALSE(failed->raised());
  REQUIRE(table.size() == 0);
}

TEST_CASE("watches: ids are never used twice and no event needs none", "[zookeeper]") {
  WatchTable table;
  REQUIRE(table.add(nullptr) == zookeeper::no_watch);
  const auto first = table.add(std::make_shared<runtime::Event>());
  table.fire(first);
  REQUIRE(table.add(std::make_shared<runtime::Event>()) != first);
}
