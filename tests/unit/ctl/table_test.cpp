#include "ctl/table.hpp"

#include <catch2/catch.hpp>

using namespace jobengine;
using ctl::Table;

TEST_CASE("table: columns are as wide as their widest cell, no blanks at the end of a line",
          "[ctl]") {
  Table table({"ID", "STATE"});
  table.add({"1", "QUEUED"});
  table.add({"1234", ""});
  REQUIRE(table.text() ==
          "ID    STATE\n"
          "1     QUEUED\n"
          "1234\n");
}

TEST_CASE("table: what is not ASCII takes one column a character", "[ctl]") {
  Table table({"A", "B"});
  table.add({"žluť", "x"});
  REQUIRE(table.text() == "A     B\nžluť  x\n");
  REQUIRE(ctl::cut("žluťoučký", 4) == "žlu…");
  REQUIRE(ctl::cut("abcd", 4) == "abcd");
}

TEST_CASE("table: only the last column is cut to a width", "[ctl]") {
  Table table({"ID", "MESSAGE"});
  table.add({"12345678", "a long message that does not fit"});
  REQUIRE(table.text(20) == "ID        MESSAGE\n12345678  a long me…\n");
  REQUIRE(table.text(3) == "ID        MESSAGE\n12345678  a long…\n");
}

TEST_CASE("table: a cell of several lines stays one row", "[ctl]") {
  Table table({"MESSAGE"});
  table.add({"first\nsecond\tthird"});
  REQUIRE(table.text() == "MESSAGE\nfirst second third\n");
}
