// Content that is meant to confuse: paths, texts, numbers, keys, gzip. Each is answered with the
// status it deserves, never with 5xx.
#include <zlib.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/integration/api/wire.hpp"
#include "tests/servers/api_server.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;
using namespace std::string_literals;

ApiServer& server() {
  static ApiServer one({{}, {"--trust-authn-header"}, {}});
  return one;
}

struct Answer {
  int status = 0;
  std::string body;
};

Answer ask(const std::string& method, const std::string& target, const std::string& headers = "",
           const std::string& body = "") {
  const auto text =
      converse(server().port(), method + " " + target +
                                    " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                    "nuvla-authn-info: group/nuvla-admin\r\nContent-Length: " +
                                    std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body);
  Answer answer;
  if (text.starts_with("HTTP/1.1 ")) answer.status = std::stoi(text.substr(9, 3));
  const auto head = text.find("\r\n\r\n");
  if (head != std::string::npos) answer.body = text.substr(head + 4);
  return answer;
}

Answer add(const std::string& body, const std::string& headers = "") {
  return ask("POST", "/api/job", headers, body);
}

// A job with this JSON text as its payload's only value.
std::string job_with(const std::string& text) {
  return R"({"action":"a","expected-duration":)" + text + "}";
}

bool is_client_error(const Answer& answer) {
  return answer.status >= 400 && answer.status < 500;
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()) + 64, '\0');
  std::string input = text;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

const std::string packed = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";

TEST_CASE("content: tricks with paths lead nowhere", "[api]") {
  for (const auto& target : {"/api/%2e%2e/etc/passwd"s,
                             "/api/../api/job/x"s,
                             "/api/job/%2e%2e"s,
                             "/api/job/%00"s,
                             "/api/job%00"s,
                             "/api/job/a%2fb"s,
                             "/api/job/..%5c..%5cx"s,
                             "/api/job\\x"s,
                             "/api//job"s,
                             "/api/job//"s,
                             "/api/job//x"s,
                             "/api///"s,
                             "/api/job/x/"s,
                             "/api/job/;x=1"s,
                             "/api/job/" + std::string(4000, 'a'),
                             "/api/" + std::string(4000, 'a'),
                             "/api/job/%e2%82%ac"s,
                             "/api/job/%"s,
                             "/api/job/%zz"s,
                             "/api/job/%ff"s,
                             "/api/job/%c0%ae"s,
                             "/api/job/\xff\xfe"s,
                             "/api/job?filter=%ff"s,
                             "/api/job?filter=a%00b"s,
                             "/api/job?filter=%"s}) {
    INFO(target.substr(0, 100));
    const auto answer = ask("GET", target);
    INFO(answer.body);
    CHECK(is_client_error(answer));
  }
  // As the original, which takes what is no number for none.
  CHECK(ask("GET", "/api/job?first=1e999&last=-1").status == 200);
  CHECK(ask("GET", "/api/job?last=99999999999999999999").status == 200);
  CHECK(ask("GET", "/../etc/passwd").status == 302);
  CHECK(ask("GET", "//api/job").status == 302);
  CHECK(ask("TRACE", "/api/job").status == 405);
  CHECK(ask("CONNECT", "other:443").status == 400);
  CHECK(ask("GET", "http://x/api/cloud-entry-point").status == 200);
}

TEST_CASE("content: numbers no document can hold are refused, odd ones are read", "[api]") {
  for (const auto& number : {"1e999"s, "-1e999"s, std::string(400, '9'), "NaN"s, "Infinity"s, "01"s,
                             "+1"s, "1."s, ".5"s, "0x10"s, "1e"s, "--1"s}) {
    INFO(number);
    CHECK(add(job_with(number)).status == 400);
  }
  for (const auto& number :
       {"9223372036854775808"s, "18446744073709551615"s, "18446744073709551616"s,
        "-9223372036854775809"s, "-0"s, "-0.0"s, "1e2"s, "1.0"s}) {
    INFO(number);
    const auto answer = add(job_with(number));
    INFO(answer.body);
    CHECK((answer.status == 201 || answer.status == 400));
  }
}

TEST_CASE("content: of a key that comes twice the last value counts, as in the original", "[api]") {
  const auto answer = add(R"({"action":"first","action":"second"})");
  REQUIRE(answer.status == 201);
  const std::string id = json::parse(answer.body)["resource-id"];
  CHECK(json::parse(ask("GET", "/api/" + id).body)["action"] == "second");
}

TEST_CASE("content: text that is not UTF-8 is refused, in bodies; harmless in headers", "[api]") {
  CHECK(add("{\"action\":\"\xff\"}").status == 400);
  CHECK(add("{\"action\":\"\xc0\xae\"}").status == 400);
  CHECK(add("{\"action\":\"\xed\xa0\x80\"}").status == 400);
  CHECK(add(R"({"action":"\ud800"})").status == 400);
  CHECK(is_client_error(add("{\"action\":\"a\0b\"}"s)));
  CHECK(add("a=%ff", "Content-Type: application/x-www-form-urlencoded\r\n").status == 400);
  for (const auto& header :
       {"User-Agent: \xff\r\n"s, "X-Forwarded-Host: \xff\r\n"s, "If-Match: \xff\r\n"s,
        "Cookie: com.com.sixsq.nuvla.cookie=\xff\r\n"s, "Accept: \xff\r\n"s,
        "X-Forwarded-For: \xff\r\n"s, "Accept-Encoding: \xff\r\n"s}) {
    INFO(header);
    CHECK(ask("GET", "/api/job", header).status == 200);
  }
  CHECK(is_client_error(ask("GET", "/api/job", "Content-Type: \xff\r\n", "x")));
  const auto who = converse(server().port(),
                            "POST /api/job HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                            "nuvla-authn-info: user/\xff user/\xff\r\nContent-Length: 14\r\n\r\n"
                            "{\"action\":\"a\"}");
  INFO(who);
  CHECK(who.starts_with("HTTP/1.1 4"));
}

TEST_CASE("content: nesting beyond the limit is refused", "[api]") {
  const auto nested = [](std::size_t depth) {
    return R"({"action":"a","payload":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  CHECK(add(nested(100000)).status == 400);
  CHECK(add(nested(64)).status == 400);
  CHECK(add(std::string(500000, '{')).status == 400);
}

TEST_CASE("content: gzip that is broken, endless or a bomb is refused", "[api]") {
  const auto job = R"({"action":"a"})"s;
  CHECK(add(gzip(job), packed).status == 201);
  // Two members are one text.
  CHECK(add(gzip(job.substr(0, 5)) + gzip(job.substr(5)), packed).status == 201);
  const auto whole = gzip(job);
  CHECK(add(whole.substr(0, whole.size() - 4), packed).status == 400);
  CHECK(add(whole.substr(0, 5), packed).status == 400);
  CHECK(add(whole + "junk", packed).status == 400);
  auto wrong_sum = whole;
  wrong_sum[wrong_sum.size() - 6] = static_cast<char>(wrong_sum[wrong_sum.size() - 6] ^ 1);
  CHECK(add(wrong_sum, packed).status == 400);
  CHECK(add("", packed).status == 400);
  CHECK(add(gzip(std::string(64U * 1024 * 1024, ' ')), packed).status == 413);
  CHECK(add(gzip(gzip(job)), packed).status == 400);
}

}  // namespace
}  // namespace jobengine::tests
