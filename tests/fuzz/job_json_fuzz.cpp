// From the bytes of a body to a job: what is accepted satisfies the schema again after it was
// written and read, and what is refused is refused in words.
#include "api/access/acl.hpp"
#include "api/cimi/answers.hpp"
#include "api/cimi/cimi_error.hpp"
#include "api/cimi/job_document.hpp"
#include "api/http/form.hpp"
#include "api/http/request_body.hpp"
#include "tests/fuzz/promise.hpp"

using namespace jobengine;
using namespace jobengine::api;
using nlohmann::json;

namespace {

const cimi::WallTime now{std::chrono::milliseconds(1'706'745'600'123)};
const std::string id = "job/018d-1";

access::Identity admin() {
  return access::make_identity(std::string(access::admin_claim), {}, {}, {});
}
access::Identity user() {
  return access::make_identity("user/jane", {}, {"group/nuvla-user"}, {});
}

void check_refusal(const cimi::CimiError& error, std::size_t size) {
  fuzz::must_hold(error.status == 400 || error.status == 403 || error.status == 409,
                  "a refusal has its status", error.what());
  const std::string_view text(error.what());
  fuzz::must_hold(http::is_utf8(text), "a refusal is UTF-8", text);
  fuzz::must_hold(text.size() <= 20'000 + size, "a refusal is no longer than what it is about",
                  text);
  fuzz::must_hold(!text.empty(), "a refusal says something");
}

// Throws nothing: a stored job satisfies the schema, whoever wrote it.
void check_accepted(const json& job) {
  const auto text = cimi::json_text(job);
  const auto again = http::parse_json(text);
  fuzz::must_hold(again.has_value(), "a job can be read back", text);
  fuzz::must_hold(*again == job, "a job comes back as it was", text);
  fuzz::must_hold(job["id"] == id && job["resource-type"] == "job", "the server's keys stand",
                  text);
  fuzz::must_hold(access::normalised_acl(job["acl"]) == job["acl"], "the acl is in normal form",
                  text);
  if (cimi::is_final_state(*again)) return;
  try {
    const auto touched = cimi::edited_job(*again, {json::object(), {}}, admin(), now);
    fuzz::must_hold(touched["acl"] == job["acl"], "an empty edit keeps the rights", text);
  } catch (const cimi::CimiError& error) {
    fuzz::broken("a stored job can be edited", error.what());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto body = http::parse_json(text);
  if (!body || !body->is_object()) return 0;
  for (const auto& who : {admin(), user()}) {
    try {
      check_accepted(cimi::new_job(*body, id, who, now));
    } catch (const cimi::CimiError& error) {
      check_refusal(error, size);
    }
    json base = cimi::new_job({{"action", "start"}, {"payload", "{}"}}, id, user(), now);
    base["state"] = "RUNNING";
    base["started"] = cimi::timestamp(now);
    cimi::JobEdit edit;
    edit.changes = *body;
    try {
      check_accepted(cimi::edited_job(base, edit, who, now));
      for (const auto& [key, value] : body->items()) edit.removed.push_back(key);
      edit.changes = json::object();
      check_accepted(cimi::edited_job(base, edit, who, now));
    } catch (const cimi::CimiError& error) {
      check_refusal(error, size);
    }
  }
  return 0;
}
