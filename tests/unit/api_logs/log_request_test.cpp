// What is refused of a request about a log, and in which words.
#include "api/logs/log_request.hpp"

#include <catch2/catch.hpp>

#include "api/cimi/cimi_error.hpp"

using namespace jobengine::api;
using namespace jobengine::api::logs;
using Catch::Contains;
using nlohmann::json;

namespace {

json line(const json& more = json::object()) {
  json one = {{"time", "2026-05-06T07:08:09.123Z"}, {"stream", "stdout"}, {"text", "hello"}};
  one.update(more);
  return one;
}

json body(std::vector<json> lines, const json& more = json::object()) {
  json whole = {{"attempt", 1}, {"first", 0}, {"lines", std::move(lines)}};
  whole.update(more);
  return whole;
}

// "" when it is accepted.
std::string refusal(const json& sent) {
  try {
    read_append(sent, "job/1");
    return {};
  } catch (const cimi::CimiError& error) {
    CHECK(error.status == 400);
    return error.what();
  }
}

std::string query_refusal(const std::string& query) {
  http::Parameters parameters;
  REQUIRE(parameters.append(query));
  try {
    read_query(parameters, "job/1");
    return {};
  } catch (const cimi::CimiError& error) {
    CHECK(error.status == 400);
    return error.what();
  }
}

store::LogQuery query(const std::string& text) {
  http::Parameters parameters;
  REQUIRE(parameters.append(text));
  return read_query(parameters, "job/1");
}

}  // namespace

TEST_CASE("log request: lines become JSON that begins with the stream", "[logs]") {
  auto sent =
      body({line(), line({{"stream", "log"}, {"level", "info"}, {"text", "a \"b\"\n\u00e9"}}),
            line({{"stream", "engine"}, {"text", ""}})},
           {{"attempt", 3}, {"first", 7}});
  const auto append = read_append(sent, "job/1");
  CHECK(append.job == "job/1");
  CHECK(append.attempt == 3);
  CHECK(append.first == 7);
  REQUIRE(append.lines.size() == 3);
  CHECK(append.lines[0].stream == store::LogStream::Stdout);
  CHECK(append.lines[0].json ==
        R"({"stream":"stdout","time":"2026-05-06T07:08:09.123Z","text":"hello"})");
  CHECK(append.lines[1].stream == store::LogStream::Log);
  CHECK(append.lines[1].json.starts_with(R"({"stream":"log","level":"info",)"));
  CHECK(append.lines[1].json.find('\n') == std::string::npos);
  CHECK(json::parse(append.lines[1].json).at("text") == "a \"b\"\n\u00e9");
  CHECK(append.lines[2].stream == store::LogStream::Engine);
  CHECK(read_append(body({}), "job/1").lines.empty());
}

TEST_CASE("log request: what is wrong is said with its place and what was expected", "[logs]") {
  CHECK_THAT(refusal(json::array()), Contains("must be a JSON object"));
  CHECK_THAT(refusal(nullptr), Contains("must be a JSON object"));
  const auto missing = refusal(json::object());
  for (const char* name : {"attempt: missing", "first: missing", "lines: missing"}) {
    CHECK_THAT(missing, Contains(name));
  }
  CHECK_THAT(refusal(body({}, {{"attempt", 0}})),
             Contains("attempt: 0, expected an integer from 1"));
  CHECK_THAT(refusal(body({}, {{"attempt", "1"}})), Contains("attempt: \"1\", expected"));
  CHECK_THAT(refusal(body({}, {{"first", -1}})), Contains("first: -1, expected an integer from 0"));
  CHECK_THAT(refusal(body({}, {{"first", 18446744073709551615U}})), Contains("first: "));
  CHECK_THAT(refusal(body({}, {{"first", 1.5}})), Contains("first: 1.5, expected"));
  CHECK_THAT(refusal(body({}, {{"lines", "a"}})), Contains("lines: \"a\", expected an array"));
  CHECK_THAT(refusal(body({}, {{"colour", 1}})), Contains("colour: unknown attribute"));
  CHECK_THAT(refusal(body({line(), "x"})), Contains("lines[1]: \"x\", expected"));
  CHECK_THAT(refusal(body({line({{"stream", "std"}})})),
             Contains("lines[0]/stream: \"std\", expected one of stdout, stderr, log, engine"));
  CHECK_THAT(refusal(body({line({{"time", "now"}})})),
             Contains("lines[0]/time: \"now\", expected"));
  CHECK_THAT(refusal(body({line({{"text", 7}})})), Contains("lines[0]/text: 7, expected a string"));
  CHECK_THAT(refusal(body({line({{"n", 7}})})), Contains("lines[0]/n: unknown attribute"));
  CHECK_THAT(refusal(body({line(), line({{"level", "info"}})})),
             Contains("lines[1]/level") && Contains("only of the stream log"));
  CHECK_THAT(refusal(body({line({{"stream", "log"}, {"level", "loud"}})})),
             Contains("lines[0]/level: \"loud\", expected one of debug, info, warning, error"));
}

TEST_CASE("log request: too much is refused, the most is not", "[logs]") {
  CHECK(refusal(body({line({{"text", std::string(longest_line, 'x')}})})).empty());
  const auto long_line = refusal(body({line({{"text", std::string(longest_line + 1, 'x')}})}));
  CHECK_THAT(long_line, Contains("lines[0]/text") && Contains("at most 65536 bytes"));
  CHECK(long_line.size() < 500);
  CHECK(refusal(body(std::vector<json>(most_lines, line()))).empty());
  CHECK_THAT(refusal(body(std::vector<json>(most_lines + 1, line()))),
             Contains("lines: 10001 of them, expected at most 10000"));
  const auto large = line({{"text", std::string(longest_line, 'x')}});
  CHECK(refusal(body(std::vector<json>(64, large))).empty());
  CHECK_THAT(refusal(body(std::vector<json>(65, large))),
             Contains("lines: texts of 4259840 bytes, expected at most 4194304"));
}

TEST_CASE("log request: parameters are taken as they are meant, or refused", "[logs]") {
  const auto usual = query("");
  CHECK(usual.job == "job/1");
  CHECK(usual.most_lines == 1000);
  CHECK_FALSE(usual.from);
  CHECK_FALSE(usual.attempt);
  CHECK_FALSE(usual.stream);
  const auto all = query("attempt=2&stream=stderr&from=17&last=10000&other=x");
  CHECK(all.attempt == 2);
  CHECK(all.stream == store::LogStream::Stderr);
  CHECK(all.from == 17);
  CHECK(all.most_lines == 10000);
  CHECK(query("last=0").most_lines == 0);
  CHECK_THAT(query_refusal("last=10001"),
             Contains("last: '10001', expected an integer from 0 to 10000"));
  CHECK_THAT(query_refusal("last=-1"), Contains("last: '-1'"));
  CHECK_THAT(query_refusal("last="), Contains("last: ''"));
  CHECK_THAT(query_refusal("last=1x"), Contains("last: '1x'"));
  CHECK_THAT(query_refusal("from=99999999999999999999"), Contains("from: '9999"));
  CHECK_THAT(query_refusal("attempt=0"), Contains("attempt: '0', expected an integer from 1"));
  CHECK_THAT(query_refusal("attempt=1&attempt=2"), Contains("attempt: given more than once"));
  CHECK_THAT(query_refusal("stream=all"),
             Contains("stream: 'all', expected one of stdout, stderr, log, engine"));
  CHECK(query_refusal("stream=" + std::string(100'000, 'x')).size() < 300);
  CHECK(position_of("17") == 17);
  CHECK_THROWS_AS(position_of("1:17"), cimi::CimiError);
}

TEST_CASE("log request: lines go out as they came, with attempt and number", "[logs]") {
  store::LogPage page;
  page.lines.push_back({5, 2, 3, R"({"stream":"stdout","text":"a"})"});
  page.lines.push_back({6, 2, 4, R"({"stream":"stderr","text":"b"})"});
  const auto read = json::parse(lines_text(page));
  CHECK(read.at(0) == json{{"attempt", 2}, {"n", 3}, {"stream", "stdout"}, {"text", "a"}});
  CHECK(read.at(1).at("n") == 4);
  CHECK(lines_text(store::LogPage()) == "[]");
  const auto notice = limit_notice(1000, cimi::wall_now());
  CHECK(notice.stream == store::LogStream::Engine);
  CHECK_THAT(json::parse(notice.json).at("text").get<std::string>(),
             Contains("capped") && Contains("1000 bytes"));
}
