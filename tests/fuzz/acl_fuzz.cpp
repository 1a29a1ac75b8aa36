// Access control lists: what is accepted stays what it is when it is brought into normal form
// twice, owners may everything, and nobody sees more than the document has.
#include "api/access/acl.hpp"

#include "api/http/form.hpp"
#include "api/http/request_body.hpp"
#include "tests/fuzz/promise.hpp"

using namespace jobengine;
using namespace jobengine::api;
using access::Right;
using nlohmann::json;

namespace {

void check_owner(const json& acl, const std::string& owner) {
  const auto identity = access::make_identity(owner, {}, {}, {});
  for (const auto right : {Right::ViewMeta, Right::ViewData, Right::ViewAcl, Right::EditMeta,
                           Right::EditData, Right::EditAcl, Right::Manage, Right::Delete}) {
    fuzz::must_hold(access::allows(acl, identity, right), "an owner may everything", acl.dump());
  }
}

// Whoever may edit may see what they edit; whoever sees the acl sees all.
void check_implied(const json& acl, const std::string& claim) {
  const auto identity = access::make_identity(claim, {}, {}, {});
  if (access::may_edit(acl, identity) || access::allows(acl, identity, Right::Delete)) {
    fuzz::must_hold(access::allows(acl, identity, Right::ViewMeta), "who edits sees", acl.dump());
  }
  json document = {{"id", "job/1"}, {"acl", acl}, {"payload", "{}"}, {"name", "n"}};
  const auto part = access::visible_part(document, identity);
  const bool sees_acl = access::allows(acl, identity, Right::ViewAcl);
  fuzz::must_hold(part.is_null() || part.contains("acl") == sees_acl, "the acl needs view-acl",
                  acl.dump());
  const auto changes = access::editable_part(acl, document, identity);
  for (const auto& [key, value] : changes.items()) {
    fuzz::must_hold(document.value(key, json()) == value, "an edit adds nothing", key);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto acl = http::parse_json(text);
  if (!acl) return 0;
  const auto error = access::acl_error(*acl);
  fuzz::must_hold(http::is_utf8(error), "an error is UTF-8", error);
  fuzz::must_hold(error.size() <= 500, "an error is short", error);
  if (!error.empty()) return 0;
  const auto normal = access::normalised_acl(*acl);
  fuzz::must_hold(access::acl_error(normal).empty(), "the normal form is an acl", normal.dump());
  fuzz::must_hold(access::normalised_acl(normal) == normal, "the normal form is final",
                  normal.dump());
  for (const auto& [key, list] : normal.items()) {
    for (const auto& principal : list) {
      const auto claim = principal.get<std::string>();
      if (key == "owners") check_owner(normal, claim);
      check_implied(normal, claim);
    }
  }
  check_implied(normal, "user/somebody-else");
  return 0;
}
