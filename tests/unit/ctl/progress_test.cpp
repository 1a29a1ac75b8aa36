#include "ctl/progress.hpp"

#include <catch2/catch.hpp>

#include "ctl/table.hpp"

using jobengine::ctl::bar_line;

TEST_CASE("progress: the bar fills with the percentage and never leaves its line", "[ctl]") {
  REQUIRE(bar_line(0, "QUEUED", 80) == "[" + std::string(30, '-') + "]   0%  QUEUED");
  REQUIRE(bar_line(50, "RUNNING", 80) ==
          "[" + std::string(15, '#') + std::string(15, '-') + "]  50%  RUNNING");
  REQUIRE(bar_line(250, "x", 80) == "[" + std::string(30, '#') + "] 100%  x");
  const auto line = bar_line(10, "a message\nof two lines " + std::string(100, 'x'), 60);
  REQUIRE(jobengine::ctl::columns(line) == 60);
  REQUIRE(line.find('\n') == std::string::npos);
}
