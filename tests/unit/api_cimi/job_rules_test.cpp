// The rules of spec 2.1 to 2.6 that job_document_test.cpp leaves open, table by table.
#include <catch2/catch.hpp>

#include "api/cimi/cimi_error.hpp"
#include "api/cimi/job_document.hpp"

namespace jobengine::api::cimi {
namespace {

using access::Identity;
using nlohmann::json;

const WallTime noon(std::chrono::milliseconds(1714996800000));  // 2024-05-06T12:00:00Z
const WallTime later = noon + std::chrono::milliseconds(90999);
const char* const later_text = "2024-05-06T12:01:30.999Z";

Identity admin() {
  return access::read_authn_info("group/nuvla-admin");
}
Identity user(const std::string& name) {
  return access::read_authn_info(name + " " + name + " group/nuvla-user");
}

json added(json body) {
  if (!body.contains("action")) body["action"] = "a";
  return new_job(body, "job/1", admin(), noon);
}

json edited(const json& job, const json& changes, const Identity& who = admin(),
            std::vector<std::string> removed = {}) {
  return edited_job(job, {changes, std::move(removed)}, who, later);
}

// "" when it is taken, else what it is refused with.
std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const CimiError& error) {
    return std::to_string(error.status) + " " + error.what();
  }
  return {};
}

bool takes(const json& attributes) {
  return refusal([&] { added(attributes); }).empty();
}

TEST_CASE("schema: each attribute takes what the table says and nothing else", "[api]") {
  struct Row {
    const char* attribute;
    std::vector<json> good;
    std::vector<json> bad;
  };
  const json href = {{"href", "a/b"}};
  const std::vector<Row> table = {
      {"progress", {0, 100}, {-1, 101, 0.5, "1", nullptr}},
      {"execution-mode", {"pull", "push", "mixed"}, {"PULL", "", 1}},
      {"version", {0, 2, 77}, {-1, "2", 2.5}},
      {"target-resource",
       {href, json{{"href", "a/b"}, {"more", 1}}, json{{"href", "job"}}},
       {json::object(), "a/b", json{{"href", "A/b"}}, json{{"href", "a/b/c"}}}},
      {"affected-resources", {json::array({href})}, {json::array(), href, json::array({"a/b"})}},
      {"return-code", {0, 255}, {-1, "0", 1.5}},
      {"status-message", {"", "x"}, {1, nullptr, json::object()}},
      {"parent-job", {"job/1", "job/a-b-1"}, {"job/", "job/A", "job/a--b", "job/a-", "user/1"}},
      {"nested-jobs", {json::array(), json::array({"job/1"})}, {"job/1", json::array({"x/1"})}},
      {"priority", {0, 999}, {-1, 1000, "5"}},
      {"expiry", {"2024-05-06T12:00:00Z", "2024-05-06T12:00:00.1+02:00"}, {"2024-05-06", 5, ""}},
      {"output", {"x"}, {"", "  ", 1}},
      {"payload", {"{}"}, {"", " ", json::object()}},
      {"name", {"n"}, {"", " ", 1}},
      {"description", {"", "d"}, {1}},
      {"parent", {"a/b"}, {"A/b", 1}},
      {"resource-metadata", {"resource-metadata/x"}, {"-"}},
      {"colour", {}, {"red"}}};
  for (const auto& row : table) {
    for (const auto& value : row.good) {
      CAPTURE(row.attribute, value.dump());
      CHECK(takes({{row.attribute, value}}));
    }
    for (const auto& value : row.bad) {
      CAPTURE(row.attribute, value.dump());
      const auto said = refusal([&] { added({{row.attribute, value}}); });
      CHECK(said.starts_with("400 resource job/1 does not satisfy defined schema:\n"));
      CHECK(said.find(row.attribute) != std::string::npos);
    }
  }
}

TEST_CASE("add: created-by is the administrator's to give, what the server sets is not", "[api]") {
  CHECK(added({{"created-by", "internal"}})["created-by"] == "internal");
  const auto job = added({{"state", "RUNNING"}, {"updated", "x"}, {"operations", json::array()}});
  CHECK(job["state"] == "QUEUED");
  CHECK(job["updated"] == "2024-05-06T12:00:00.000Z");
  CHECK_FALSE(job.contains("operations"));
  CHECK_FALSE(job.contains("updated-by"));
  CHECK(added({{"progress", 7}, {"version", 5}})["progress"] == 7);
  CHECK(added({{"version", 5}})["version"] == 5);
}

TEST_CASE("add: a status message is shortened and dated", "[api]") {
  const auto job = added({{"status-message", std::string(100001, 'x')}});
  CHECK(job["status-message"].get<std::string>().size() == 100005);
  CHECK(job["time-of-status-change"] == job["created"]);
  CHECK_FALSE(added(json::object()).contains("time-of-status-change"));
}

TEST_CASE("edit: any state may follow another that is not final", "[api]") {
  for (const char* from : {"QUEUED", "RUNNING"}) {
    for (const char* to : {"QUEUED", "RUNNING", "SUCCESS", "FAILED", "CANCELED"}) {
      auto job = added(json::object());
      job["state"] = from;
      CHECK(edited(job, {{"state", to}})["state"] == to);
    }
  }
  const auto said = refusal([] { edited(added(json::object()), {{"state", "STOPPED"}}); });
  CHECK(said.starts_with("400 "));
  CHECK(said.find("state") != std::string::npos);
}

TEST_CASE("edit: the time of the status change is renewed while there is a message", "[api]") {
  auto job = added({{"status-message", "x"}});
  CHECK(edited(job, {{"progress", 5}})["time-of-status-change"] == later_text);
  CHECK_FALSE(edited(added(json::object()), {{"progress", 5}}).contains("time-of-status-change"));
}

TEST_CASE("edit: the end wins over the progress sent with it; never started has no duration",
          "[api]") {
  const auto job = edited(added(json::object()), {{"state", "SUCCESS"}, {"progress", 12}});
  CHECK(job["progress"] == 100);
  CHECK_FALSE(job.contains("duration"));
  CHECK_FALSE(job.contains("started"));
  CHECK(edited(added({{"priority", 7}}), {{"state", "FAILED"}})["priority"] == 7);
}

TEST_CASE("edit: started stays what it was, whole seconds count", "[api]") {
  auto job = edited_job(added(json::object()), {{{"state", "RUNNING"}}, {}}, admin(), noon);
  job = edited(job, {{"state", "RUNNING"}});
  CHECK(job["started"] == "2024-05-06T12:00:00.000Z");
  CHECK(edited(job, {{"state", "CANCELED"}})["duration"] == 90);
}

TEST_CASE("edit: each right changes its part, silently; select likewise", "[api]") {
  const auto job = added({{"acl",
                           {{"owners", {"user/joe"}},
                            {"edit-meta", {"user/meta"}},
                            {"edit-data", {"user/data"}},
                            {"edit-acl", {"user/acl"}}}},
                          {"description", "d"},
                          {"payload", "p"}});
  const json changes = {{"name", "n"},
                        {"output", "o"},
                        {"action", "other"},
                        {"target-resource", {{"href", "a/b"}}},
                        {"acl", {{"owners", {"user/new"}}}}};
  const auto by = [&](const char* name) {
    return edited(job, changes, user(name), {"description", "payload", "acl", "action"});
  };
  const auto meta = by("user/meta");
  CHECK(meta["name"] == "n");
  CHECK_FALSE(meta.contains("description"));
  CHECK_FALSE(meta.contains("output"));
  CHECK(meta["payload"] == "p");
  CHECK(meta["acl"] == job["acl"]);
  const auto data = by("user/data");
  CHECK(data["output"] == "o");
  CHECK_FALSE(data.contains("payload"));
  CHECK(data["acl"] == job["acl"]);
  for (const char* name : {"user/acl", "user/joe"}) {
    const auto all = by(name);
    CHECK(all["acl"]["owners"] == json({"user/new"}));
    CHECK(all["action"] == "a");
    CHECK_FALSE(all.contains("target-resource"));
    CHECK(all["updated-by"] == name);
  }
  CHECK(edited(job, changes)["action"] == "other");
}

TEST_CASE("edit: select never removes what makes it a resource", "[api]") {
  const auto job = added({{"updated-by", "x"}});
  const auto after = edited(job, json::object(), admin(),
                            {"id", "created", "updated", "resource-type", "acl", "created-by"});
  for (const char* name : {"id", "created", "resource-type", "acl", "created-by"}) {
    CHECK(after[name] == job[name]);
  }
  CHECK(after["updated"] == later_text);
  CHECK(after["updated-by"] == "group/nuvla-admin");
  CHECK(refusal([&] { edited(job, json::object(), admin(), {"state"}); }).starts_with("400 "));
}

TEST_CASE("edit: a new acl is checked and put into normal form", "[api]") {
  const auto job = added(json::object());
  const auto after = edited(job, {{"acl", {{"owners", {"user/x"}}, {"view-acl", {"user/y"}}}}});
  CHECK(after["acl"]["view-meta"] == json({"group/nuvla-admin", "user/y"}));
  const auto said = refusal([&] { edited(job, {{"acl", {{"owners", json::array()}}}}); });
  CHECK(said.starts_with("400 resource job/1 does not satisfy defined schema:\nacl"));
}

TEST_CASE("status message: code points are counted, as long as it is text", "[api]") {
  const auto length = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += "\xF0\x9F\x98\x80";
    return edited(added(json::object()), {{"status-message", text}})["status-message"]
        .get<std::string>()
        .size();
  };
  CHECK(length(100000) == 400000);
  CHECK(length(100001) == 400005);
}

TEST_CASE("cancel: shortens and dates the status message, keeps the priority", "[api]") {
  auto job = added({{"priority", 50}, {"status-message", "x"}});
  const auto after = ended_job(job, user("user/jane"), later);
  CHECK(after["priority"] == 50);
  CHECK(after["time-of-status-change"] == later_text);
  CHECK(after["updated"] == later_text);
  CHECK_FALSE(after.contains("duration"));
}

}  // namespace
}  // namespace jobengine::api::cimi
