#include "api/access/identity.hpp"

#include <catch2/catch.hpp>

namespace jobengine::api::access {
namespace {

TEST_CASE("identity: the engine's header is an administrator", "[api]") {
  const auto engine = read_authn_info("group/nuvla-admin");
  CHECK(engine.user_id == "group/nuvla-admin");
  CHECK(engine.active_claim == "group/nuvla-admin");
  CHECK(engine.is_admin());
  CHECK(engine.claims == std::vector<std::string>{"group/nuvla-admin", "group/nuvla-anon"});
}

TEST_CASE("identity: the active claim is no claim unless it is repeated", "[api]") {
  const auto user = read_authn_info("user/jane  group/team group/nuvla-user session/12");
  CHECK(user.active_claim == "group/team");
  CHECK_FALSE(user.has("group/team"));
  CHECK(user.has("group/nuvla-user"));
  CHECK(user.session == "session/12");
  CHECK_FALSE(user.is_admin());
}

TEST_CASE("identity: a blank header is nobody", "[api]") {
  CHECK(read_authn_info("  ").user_id.empty());
  CHECK(anonymous().claims == std::vector<std::string>{"group/nuvla-anon"});
}

}  // namespace
}  // namespace jobengine::api::access
