#include "executor/hosts/host_message.hpp"

#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"

using namespace jobengine;
using namespace jobengine::executor;

namespace {

std::string without_newline(std::string line) {
  REQUIRE(line.back() == '\n');
  line.pop_back();
  REQUIRE(line.find('\n') == std::string::npos);
  return line;
}

}  // namespace

TEST_CASE("what the executor says arrives as it was said") {
  RunMessage run;
  run.action = "sleep";
  run.document = R"({"id":"job/1","payload":"{\"a\":\"b\\n\"}"})";
  run.attempt = 3;
  run.resumed = true;
  run.lease = 9'000'000'000'000'000'000;
  const auto run_again = std::get<RunMessage>(decode_to_host(without_newline(encode(ToHost(run)))));
  CHECK(run_again.action == run.action);
  CHECK(run_again.document == run.document);
  CHECK(run_again.attempt == 3);
  CHECK(run_again.resumed);
  CHECK(run_again.lease == run.lease);

  CHECK(std::holds_alternative<StopMessage>(
      decode_to_host(without_newline(encode(ToHost(StopMessage()))))));
  const ToHost answer = ApiAnswerMessage{18'000, 404, "line\nline"};
  const auto answer_again =
      std::get<ApiAnswerMessage>(decode_to_host(without_newline(encode(answer))));
  CHECK(answer_again.request == 18'000);
  CHECK(answer_again.status == 404);
  CHECK(answer_again.body == "line\nline");
}

TEST_CASE("what a host says arrives as it was said") {
  ApiRequestMessage request;
  request.request = 7;
  request.method = "GET";
  request.path = "job/1?select=id";
  request.headers = {{"bulk", "yes"}};
  request.as_identity = "user/jane";
  const auto again =
      std::get<ApiRequestMessage>(decode_from_host(without_newline(encode(FromHost(request)))));
  CHECK(again.request == 7);
  CHECK(again.headers == request.headers);
  CHECK(again.as_identity == "user/jane");

  ResultMessage said;
  said.return_code = -5;
  said.outcome = 1;
  said.message = "broke";
  said.retry_delay_ms = 2500;
  said.worn = "leaked 3 threads";
  const FromHost result = said;
  const auto result_again =
      std::get<ResultMessage>(decode_from_host(without_newline(encode(result))));
  CHECK(result_again.return_code == -5);
  CHECK(result_again.outcome == 1);
  CHECK(result_again.message == "broke");
}

TEST_CASE("a text that is no UTF-8 does not break the conversation") {
  const FromHost status = StatusMessage{"bad \xff byte"};
  const auto again = std::get<StatusMessage>(decode_from_host(without_newline(encode(status))));
  CHECK_THAT(again.text, Catch::StartsWith("bad ") && Catch::EndsWith(" byte"));
}

TEST_CASE("a host that talks nonsense is told apart from one that makes sense") {
  const std::string line = GENERATE(
      as<std::string>(), "", "{", "[]", "42", R"({"no": "type"})", R"({"type": 3})",
      R"({"type": "unheard-of"})", R"({"type": "progress"})",
      R"({"type": "progress", "percent": "x"})", R"({"type": "progress", "percent": 99999999999})",
      R"({"type": "progress", "percent": 18446744073709551615})",
      R"({"type": "status", "text": null})",
      R"({"type": "api-request", "request": 1, "method": "GET", "path": "x", "content-type": "",
          "body": "", "headers": [["one"]], "as": ""})",
      R"({"type": "result", "return-code": 0.5, "outcome": 0, "message": ""})");
  CHECK_THROWS_AS(decode_from_host(line), runtime::Failure);
}

TEST_CASE("lines are cut out of the stream wherever it is broken") {
  LineBuffer lines;
  lines.append("one\ntw");
  CHECK(lines.next() == "one");
  CHECK_FALSE(lines.next());
  lines.append("o\n\nthree");
  CHECK(lines.next() == "two");
  CHECK(lines.next() == "");
  CHECK_FALSE(lines.next());
  lines.append("\n");
  CHECK(lines.next() == "three");
  CHECK_FALSE(lines.next());
}

TEST_CASE("a line without end is refused before it fills the memory") {
  LineBuffer lines(10);
  lines.append("12345");
  CHECK_THROWS_AS(lines.append("67890ab"), runtime::Failure);
  LineBuffer many(10);
  many.append("short\nshort\nshort\n");
  CHECK(many.next() == "short");
}
