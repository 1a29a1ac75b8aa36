// Searches over HTTP, what they may not tell, and the odd corners of the protocol (spec 3.1
// to 3.7).
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/integration/api/wire.hpp"
#include "tests/servers/api_server.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;

const std::string as_json = "Content-Type: application/json\r\n";
const std::string as_form = "Content-Type: application/x-www-form-urlencoded\r\n";
const std::string as_admin = "nuvla-authn-info: group/nuvla-admin\r\n";
const std::string as_jane = "nuvla-authn-info: user/jane user/jane group/nuvla-user\r\n";

struct Answer {
  int status = 0;
  std::string head;
  std::string text;

  json document() const { return json::parse(text); }
  std::string message() const { return document().value("message", std::string()); }
  std::string header(const std::string& name) const {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

class Api {
 public:
  Api() : server_({{}, {"--trust-authn-header"}, {}}) {}

  Answer ask(const std::string& method, const std::string& path, const std::string& headers = {},
             const std::string& body = {}) const {
    const auto bytes = converse(
        server_.port(), method + " " + path + " HTTP/1.1\r\nHost: here:1\r\nConnection: close\r\n" +
                            headers + "Content-Length: " + std::to_string(body.size()) +
                            "\r\n\r\n" + body);
    Answer answer;
    const auto end = bytes.find("\r\n\r\n");
    REQUIRE(end != std::string::npos);
    answer.status = std::stoi(bytes.substr(9, 3));
    answer.head = bytes.substr(0, end + 2);
    answer.text = bytes.substr(end + 4);
    return answer;
  }
  Answer search(const std::string& form, const std::string& who = as_admin) const {
    return ask("PUT", "/api/job", as_form + who, form);
  }
  std::string add(const json& job) const {
    const auto answer = ask("POST", "/api/job", as_json + as_admin, job.dump());
    REQUIRE(answer.status == 201);
    return answer.header("Location");
  }

 private:
  ApiServer server_;
};

const Api& api() {
  static const Api one;
  return one;
}

TEST_CASE("query: nothing tells of attributes one may not see", "[api]") {
  const json acl = {{"owners", {"group/nuvla-admin"}}, {"view-meta", {"user/jane"}}};
  api().add({{"action", "hidden"}, {"name", "probe"}, {"payload", "secret"}, {"acl", acl}});
  const auto count = [](const std::string& filter, const std::string& who) {
    const auto found = api().search("last=0&filter=name='probe' and " + filter, who).document();
    return found.at("count").get<int>();
  };
  CHECK(count("id!=null", as_jane) == 1);
  for (const char* filter :
       {"payload='secret'", "payload^='s'", "state='QUEUED'", "acl/owners='group/nuvla-admin'"}) {
    CAPTURE(filter);
    CHECK(count(filter, as_admin) == 1);
    CHECK(count(filter, as_jane) == 0);
  }
  const auto found = api()
                         .search(
                             "filter=name='probe'&select=name,payload,state,acl&orderby=payload&"
                             "aggregation=terms:payload,terms:name,missing:state",
                             as_jane)
                         .document();
  CHECK(found.at("resources").at(0).size() == 2);
  const auto& results = found.at("aggregations");
  CHECK(results.at("terms:payload").at("buckets") == json::array());
  CHECK(results.at("missing:state").at("doc_count") == 1);
  CHECK(results.at("terms:name").at("buckets").at(0).at("doc_count") == 1);
}

TEST_CASE("query: aggregations stand in the answer when they are asked for", "[api]") {
  for (int progress = 1; progress <= 4; ++progress) {
    api().add({{"action", "counted"}, {"progress", progress}});
  }
  const std::string mine = "filter=action='counted'&last=1";
  CHECK_FALSE(api().search(mine).document().contains("aggregations"));
  const auto found =
      api()
          .search(mine + "&aggregation=terms:state,max:progress&aggregation=extendedstats:progress")
          .document();
  CHECK(found.at("count") == 4);
  CHECK(found.at("resources").size() == 1);
  const auto& results = found.at("aggregations");
  CHECK(results.size() == 3);
  CHECK(results.at("max:progress") == json{{"value", 4.0}});
  CHECK(results.at("terms:state").at("buckets") ==
        json::parse(R"([{"key": "QUEUED", "doc_count": 4}])"));
  CHECK(results.at("extended_stats:progress").at("count") == 4);
  const auto refused = api().search("aggregation=median:progress");
  CHECK(refused.status == 400);
  CHECK(refused.message().starts_with("aggregation 'median:progress': 'median' is no algorithm"));
}

TEST_CASE("query: the status message and hidden attributes cannot be searched", "[api]") {
  for (const char* form : {"filter=status-message='x'", "filter=id='x' or status-message!=null",
                           "orderby=status-message:desc", "aggregation=terms:status-message"}) {
    CAPTURE(form);
    const auto answer = api().search(form);
    CHECK(answer.status == 400);
    CHECK(answer.message() ==
          "attribute 'status-message' cannot be searched, sorted by or aggregated");
  }
  for (const char* form : {"aggregation=terms:hash", "aggregation=cardinality:digest"}) {
    const auto answer = api().ask("PUT", "/api/credential", as_form + as_admin, form);
    CHECK(answer.status == 400);
  }
}

TEST_CASE("query: parameters of the URL and the form count together", "[api]") {
  for (int number = 0; number < 3; ++number) {
    api().add({{"action", "both"}, {"progress", number}, {"execution-mode", "pull"}});
  }
  const auto found =
      api().ask("PUT", "/api/job?filter=action='both'&orderby=progress:desc&last=x",
                as_form + as_admin, "filter=progress<2&last=1&select=progress&last=7");
  const auto document = found.document();
  CHECK(document.at("count") == 2);
  REQUIRE(document.at("resources").size() == 1);
  CHECK(document.at("resources").at(0).at("progress") == 1);
  const auto counted = api().ask("GET", "/api/job?filter=action='both'&first=3&last=2", as_admin);
  CHECK(counted.document().at("count") == 3);
  CHECK(counted.document().at("resources") == json::array());
}

TEST_CASE("query: bad ones are told what is wrong", "[api]") {
  const auto told = [](const std::string& form) {
    const auto answer = api().search(form);
    CHECK(answer.status == 400);
    return answer.message();
  };
  CHECK(told("filter=category='missing end quote")
            .starts_with("Invalid CIMI filter. Parse error at line 1, column 11:\n"
                         "(category='missing end quote)\n          ^\nExpected one of:\n"));
  CHECK(told("filter=").starts_with("Invalid CIMI filter. Parse error at line 1, column 2:\n()"));
  CHECK(told("filter=a=1&filter=").find("(a=1) and ()") != std::string::npos);
  CHECK(told("filter=created=2012-01").find("2012-01 is no full timestamp") != std::string::npos);
  CHECK(told("filter=a within 'POINT(1 2)'").find("not supported by this store") !=
        std::string::npos);
  CHECK(told("last=10001").starts_with("unexpected exception querying: First and last must be "));
  CHECK(told("tsds-aggregation={}").starts_with("tsds-aggregation is not supported"));
  const auto body = api().ask("PUT", "/api/job", as_json + as_admin, "{}");
  CHECK(body.status == 400);
  CHECK(body.message().find("x-www-form-urlencoded") != std::string::npos);
  // Unknown attributes, wherever they stand, are missing everywhere.
  CHECK(api().search("filter=nowhere='x'&orderby=nowhere/at/all:desc,a:dummy").status == 200);
}

TEST_CASE("query: a search ends with its timeout", "[api]") {
  const std::string text(50000, 'x');
  for (int count = 0; count < 40; ++count) {
    api().add({{"action", "slow"}, {"payload", text}, {"execution-mode", "pull"}});
  }
  // Words that are looked for anywhere, in all of these texts, again and again.
  std::string filter = "payload=='a'";
  for (int count = 0; count < 1000; ++count) {
    filter += " or payload=='word" + std::to_string(count) + "~2'";
  }
  const auto answer = api().search("last=0&timeout=30&filter=action='slow' and (" + filter + ")");
  CHECK(answer.status == 400);
  CHECK(answer.message().starts_with("The search was given up after 30 ms."));
  CHECK(api().search("last=0&timeout=20000&filter=action='slow'").document().at("count") == 40);
}

TEST_CASE("query: whoever is nobody needs credentials", "[api]") {
  for (const char* method : {"GET", "PUT"}) {
    const auto answer = api().ask(method, "/api/job");
    CHECK(answer.status == 403);
    CHECK(answer.document() == json{{"status", 403}, {"message", "credentials required"}});
  }
}

TEST_CASE("bulk delete: header, filter and right are asked for in this order", "[api]") {
  const auto asked = [](const std::string& headers, const std::string& form) {
    const auto answer = api().ask("DELETE", "/api/job", as_form + headers, form);
    return std::to_string(answer.status) + " " + answer.message();
  };
  CHECK(asked({}, {}) == "400 Bulk request should contain bulk http header.");
  CHECK(asked("bulk: false\r\n", {}) == "400 Bulk request should contain a non empty cimi filter.");
  CHECK(asked("bulk:\r\n", "filter=%20") ==
        "400 Bulk request should contain a non empty cimi filter.");
  CHECK(asked("bulk: true\r\n" + as_jane, "filter=id!=null") == "403 credentials required");
  CHECK(asked("bulk: true\r\n" + as_admin, "filter=id=")
            .starts_with("400 Invalid CIMI filter. Parse error at line 1, column "));
}

TEST_CASE("edit: only the job it is sent to", "[api]") {
  const auto job = api().add({{"action", "one"}, {"execution-mode", "pull"}});
  const auto path = "/api/" + job;
  const auto other = api().ask("PUT", path, as_json + as_admin, R"({"id": "job/other"})");
  CHECK(other.status == 400);
  CHECK(other.document().at("resource-id") == job);
  CHECK(api().ask("GET", "/api/job/other", as_admin).status == 404);
  CHECK(api().ask("PUT", path, as_json + as_admin, R"({"id": ")" + job + R"("})").status == 200);
}

TEST_CASE("ETag: every answer about one resource has it, If-Match counts everywhere", "[api]") {
  const auto job = api().add({{"action", "tagged"}, {"execution-mode", "pull"}});
  const auto path = "/api/" + job;
  const auto read = api().ask("GET", path + "?select=state", as_admin);
  REQUIRE_FALSE(read.header("ETag").empty());
  CHECK(api().ask("GET", path, as_admin).header("ETag") == read.header("ETag"));
  const auto edited = api().ask("PUT", path, as_json + as_admin, R"({"state": "RUNNING"})");
  CHECK(edited.header("ETag") != read.header("ETag"));
  const auto old = "If-Match: " + read.header("ETag") + "\r\n";
  for (const auto& [method, where] : {std::pair<std::string, std::string>("PUT", path),
                                      {"DELETE", path},
                                      {"POST", path + "/cancel"},
                                      {"POST", path + "/timeout"}}) {
    CAPTURE(method, where);
    const auto late = api().ask(method, where, as_json + as_admin + old, "{}");
    CHECK(late.status == 412);
    CHECK(late.message().find(edited.header("ETag")) != std::string::npos);
  }
  const auto stranger = api().ask("PUT", path, as_json + as_jane + old, "{}");
  CHECK(stranger.status == 403);
  const auto ended = api().ask("POST", path + "/timeout", as_admin);
  CHECK(ended.status == 200);
  CHECK(ended.document().at("state") == "CANCELED");
  const auto last = "If-Match: \"x\", " + ended.header("ETag") + "\r\n";
  CHECK(api().ask("DELETE", path, as_admin + last).status == 200);
}

TEST_CASE("operations: who may not gets 403, what there is none of 404", "[api]") {
  const json acl = {{"owners", {"group/nuvla-admin"}},
                    {"view-meta", {"user/jane"}},
                    {"manage", {"user/jane", "nuvlabox/n"}}};
  const auto job = api().add({{"action", "x"}, {"execution-mode", "pull"}, {"acl", acl}});
  const auto path = "/api/" + job;
  const auto refused = "invalid credentials for '" + job + "'";
  const auto told = [](const Answer& answer) {
    return std::to_string(answer.status) + " " + answer.message();
  };
  // Not RUNNING, not an administrator, not an edge.
  CHECK(told(api().ask("POST", path + "/timeout", as_admin)) == "403 " + refused);
  CHECK(told(api().ask("POST", path + "/timeout", as_jane)) == "403 " + refused);
  CHECK(told(api().ask("POST", path + "/get-context", as_jane)) == "403 " + refused);
  const std::string as_edge = "nuvla-authn-info: nuvlabox/n nuvlabox/n group/nuvla-nuvlabox\r\n";
  CHECK(api().ask("POST", path + "/get-context", as_edge).document() == json::object());
  for (const char* operation : {"stop", "Cancel", "edit"}) {
    CHECK(told(api().ask("POST", path + "/" + operation, as_admin)) ==
          "404 undefined action (post, [\"job\" \"" + std::string(operation) + "\"]) for " + path +
              "/" + operation);
  }
  CHECK(told(api().ask("POST", "/api/job/none/cancel", as_admin)) == "404 job/none not found");
  // Any method runs an operation.
  const auto cancelled = api().ask("GET", path + "/cancel", as_jane);
  CHECK(cancelled.status == 200);
  CHECK(told(api().ask("POST", path + "/cancel", as_admin)) == "403 " + refused);
}

TEST_CASE("transport: redirects, methods, paths and proxies as in the original", "[api]") {
  for (const char* path : {"/", "/api", "/api/", "/else/where"}) {
    const auto answer = api().ask("GET", path);
    CHECK(answer.status == 302);
    CHECK(answer.header("Location") == "/api/cloud-entry-point");
  }
  CHECK(api().ask("OPTIONS", "/api/nothing/at/all/here").status == 204);
  const auto unknown = api().ask("GET", "/api/foo?x=1");
  CHECK(unknown.status == 405);
  CHECK(unknown.document() == json{{"status", 405},
                                   {"message", "invalid method (get) for /api/foo"},
                                   {"resource-id", "/api/foo"}});
  CHECK(api().ask("PATCH", "/api/job").message() == "invalid method (patch) for /api/job");
  CHECK(api().ask("POST", "/api/job/x").message() == "invalid method (post) for /api/job/x");
  const auto deep = api().ask("GET", "/api/job/a/b/c");
  CHECK(deep.document() ==
        json{{"status", 404}, {"message", "unknown resource"}, {"resource-id", "/api/job/a/b/c"}});
  const auto head = api().ask("HEAD", "/api/cloud-entry-point");
  CHECK(head.status == 200);
  CHECK(head.text.empty());
  CHECK(std::stoi(head.header("Content-Length")) > 100);
  CHECK(api().ask("GET", "/api/job/", as_admin).document().at("id") == "job");
  const auto base = [](const std::string& headers) {
    return api().ask("GET", "/api/cloud-entry-point", headers).document().at("base-uri");
  };
  CHECK(base({}) == "http://here:1/api/");
  CHECK(base("X-Forwarded-Proto: https\r\nX-Forwarded-Host: nuvla.example\r\n") ==
        "https://nuvla.example/api/");
  CHECK(base("X-Forwarded-Host: <evil>\r\n") == "http://localhost/api/");
}

}  // namespace
}  // namespace jobengine::tests
