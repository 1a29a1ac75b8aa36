#include <catch2/catch.hpp>

#include "api/filter/filter.hpp"

using namespace jobengine::api::filter;

namespace {

std::string error_of(const std::vector<std::string>& filters) {
  try {
    parse_all(filters);
  } catch (const FilterError& error) {
    return error.what();
  }
  return {};
}

std::string repeated(const std::string& text, int count, const std::string& joint) {
  std::string all = text;
  for (int i = 1; i < count; ++i) all += joint + text;
  return all;
}

}  // namespace

TEST_CASE("filter: an error names line, column and what was expected", "[filter]") {
  const auto error = error_of({"category='missing end quote"});
  CHECK(
      error.starts_with("Invalid CIMI filter. Parse error at line 1, column 11:\n"
                        "(category='missing end quote)\n"
                        "          ^\nExpected one of:\n"));
  CHECK(error.find("a string in closed single quotes") != std::string::npos);
  CHECK(error_of({"a=1", "b=1\nand c=~"}).find("at line 2, column 7:\nand c=~)\n      ^\n") !=
        std::string::npos);
  CHECK(error_of({""}).find("column 2") != std::string::npos);
  CHECK(error_of({"a=1 b=2"}).find("column 6") != std::string::npos);
  // Columns are characters.
  CHECK(error_of({"a='é' x"}).find("column 8") != std::string::npos);
}

TEST_CASE("filter: filters of one request cannot reach out of their parentheses", "[filter]") {
  CHECK(error_of({"a=1) or (b=2"}).starts_with("Invalid CIMI filter."));
  const auto node = parse_all({"a=1 or b=2", "c=3"});
  REQUIRE(node.kind == Node::Kind::And);
  REQUIRE(node.parts.size() == 2);
  CHECK(node.parts[0].kind == Node::Kind::Or);
}

TEST_CASE("filter: 4000 clauses parse", "[filter]") {
  CHECK(parse(repeated("(a='1')", 4000, " or ")).parts.size() == 4000);
  CHECK(parse(repeated("(a='1')", 4000, " and ")).parts.size() == 4000);
}

TEST_CASE("filter: parentheses nest 200 deep and no deeper", "[filter]") {
  const auto nested = [](int depth) {
    const auto count = static_cast<std::size_t>(depth);
    return std::string(count, '(') + "a=1" + std::string(count, ')');
  };
  CHECK(parse(nested(200)).kind == Node::Kind::Comparison);
  CHECK_THROWS_AS(parse(nested(201)), FilterError);
  CHECK_THROWS_AS(parse(std::string(1'000'000, '(')), FilterError);
}

TEST_CASE("filter: a comparison written the other way round is mirrored", "[filter]") {
  CHECK(parse("3<a").comparison.op == Operator::Greater);
  CHECK(parse("3<=a").comparison.op == Operator::GreaterOrEqual);
  CHECK(parse("3>a").comparison.op == Operator::Less);
  CHECK(parse("'x'>=a").comparison.op == Operator::LessOrEqual);
  CHECK(parse("'x'^=a").comparison.op == Operator::Prefix);
  CHECK(parse("null=null").comparison.path == std::vector<std::string>{"null"});
  CHECK(parse("null=nullable").comparison.path == std::vector<std::string>{"nullable"});
}

TEST_CASE("filter: what has no meaning is an error and not something else", "[filter]") {
  CHECK(error_of({"created>2012-01-02"}).find("column 10") != std::string::npos);
  CHECK(error_of({"created>2012-01-02"}).find("2012-01-02 is no full timestamp") !=
        std::string::npos);
  CHECK_THROWS_AS(parse("created>2012-13-45T99:99:99Z"), FilterError);
  CHECK_THROWS_AS(parse("created=2023-02-29T00:00:00Z"), FilterError);
  CHECK_NOTHROW(parse("created=2024-02-29T00:00:00.123+02:00"));
  CHECK_THROWS_AS(parse(std::string("a='x\0y'", 7)), FilterError);
  CHECK_NOTHROW(parse("a=9223372036854775807"));
  CHECK(error_of({"a=9223372036854775808"}).find("too large") != std::string::npos);
}
