#include "common/telemetry/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/support/temporary_directory.hpp"

using namespace jobengine::telemetry;
using jobengine::tests::TemporaryDirectory;
using nlohmann::json;

namespace {

// What `use` writes to stderr.
std::string captured(const std::function<void()>& use) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("stderr", "");
  const int original = ::dup(STDERR_FILENO);
  const int replacement = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ::dup2(replacement, STDERR_FILENO);
  ::close(replacement);
  use();
  ::dup2(original, STDERR_FILENO);
  ::close(original);
  std::ifstream stream(file);
  std::ostringstream content;
  content << stream.rdbuf();
  return content.str();
}

void start(LogFormat format, Level level = Level::Info) {
  LogOptions options;
  options.program = "job-sample";
  options.instance = "one";
  options.format = format;
  options.level = level;
  start_logging(options);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("log: text has time, level, message and fields", "[log]") {
  start(LogFormat::Text);
  const std::string text = captured([] {
    info("job taken", {{"job", "job/1"}, {"attempt", 2}, {"error", "two words"}, {"empty", ""}});
  });
  const std::regex form(
      R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO     job taken job=job/1 attempt=2 error="two words" empty=""\n)");
  CAPTURE(text);
  REQUIRE(std::regex_match(text, form));
}

TEST_CASE("log: text stays one harmless line whatever is logged", "[log]") {
  start(LogFormat::Text);
  const std::string text = captured(
      [] { info("two\nlines \x1b[31m", {{"error", "a \"quoted\"\r\nthing"}, {"path", "c:\\x"}}); });
  REQUIRE(lines_of(text).size() == 1);
  REQUIRE_THAT(text, Catch::Contains("two\\nlines \\x1b[31m") &&
                         Catch::Contains(R"(error="a \"quoted\"\x0d\nthing")") &&
                         Catch::Contains(R"(path="c:\\x")"));
}

TEST_CASE("log: JSON is one object a line, whatever bytes come", "[log]") {
  start(LogFormat::Json);
  const std::string text = captured([] {
    warning("odd", {{"job", "bad \xff\xfe byte \n"}, {"attempt", 3}, {"message", "mine"}});
    error("plain");
  });
  const auto lines = lines_of(text);
  REQUIRE(lines.size() == 2);
  const json first = json::parse(lines[0]);
  REQUIRE(std::regex_match(first["ts"].get<std::string>(),
                           std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
  REQUIRE(first["level"] == "WARNING");
  REQUIRE(first["program"] == "job-sample");
  REQUIRE(first["name"] == "one");
  REQUIRE(first["message"] == "odd");
  REQUIRE(first["message_"] == "mine");
  REQUIRE(first["attempt"] == 3);
  REQUIRE(first["job"] == "bad \xef\xbf\xbd\xef\xbf\xbd byte \n");
  REQUIRE(json::parse(lines[1])["message"] == "plain");
}

TEST_CASE("log: what is below the level is not written", "[log]") {
  start(LogFormat::Json, Level::Warning);
  REQUIRE_FALSE(logs(Level::Info));
  REQUIRE(logs(Level::Critical));
  const std::string text = captured([] {
    debug("d");
    info("i");
    warning("w");
    log(Level::Critical, "c");
  });
  REQUIRE(lines_of(text).size() == 2);
}

TEST_CASE("log: automatic is JSON where no terminal is", "[log]") {
  const std::string text = captured([] {
    start(LogFormat::Auto);
    info("x");
  });
  REQUIRE(json::parse(text)["message"] == "x");
}

TEST_CASE("log: lines of several threads do not mix", "[log]") {
  start(LogFormat::Json);
  constexpr int each = 200;
  const std::string text = captured([] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < each; ++i) info("from a thread", {{"i", i}});
      });
    }
    for (auto& thread : threads) thread.join();
  });
  const auto lines = lines_of(text);
  REQUIRE(lines.size() == 4 * each);
  for (const auto& line : lines) REQUIRE(json::accept(line));
}
