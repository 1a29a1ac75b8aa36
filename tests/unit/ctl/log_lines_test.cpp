#include "ctl/log_lines.hpp"

#include <catch2/catch.hpp>

using namespace jobengine::ctl;
using nlohmann::json;

TEST_CASE("log lines: the text, or time and stream before it", "[ctl]") {
  const json line = {{"attempt", 1},
                     {"n", 0},
                     {"time", "2026-05-06T07:08:09.123Z"},
                     {"stream", "stderr"},
                     {"text", "oh no"}};
  CHECK(log_line_text(line, false) == "oh no\n");
  CHECK(log_line_text(line, true) == "2026-05-06T07:08:09.123Z stderr      oh no\n");
  auto said = line;
  said["stream"] = "log";
  said["level"] = "warning";
  CHECK(log_line_text(said, true) == "2026-05-06T07:08:09.123Z log/warning oh no\n");
  CHECK(log_line_text(json::object(), false) == "\n");
  CHECK(log_line_text(7, false).empty());
}

TEST_CASE("log lines: another attempt is told once, the first not at the beginning", "[ctl]") {
  AttemptMarks marks;
  std::string told;
  for (const int attempt : {1, 1, 2, 2, 1}) told += marks.before({{"attempt", attempt}});
  CHECK(told == "-- attempt 2 --\n-- attempt 1 --\n");
  CHECK(AttemptMarks().before({{"attempt", 3}}) == "-- attempt 3 --\n");
  CHECK(AttemptMarks().before({{"text", "x"}}).empty());
}

TEST_CASE("log lines: the path asks for what was asked for", "[ctl]") {
  CHECK(log_path("job/1", {}, -1, -1) == "job/1/logs");
  CHECK(log_path("job/1", {}, 0, 10000) == "job/1/logs?from=0&last=10000");
  CHECK(log_path("job/1", {2, "stderr"}, -1, 7) == "job/1/logs?last=7&attempt=2&stream=stderr");
}
