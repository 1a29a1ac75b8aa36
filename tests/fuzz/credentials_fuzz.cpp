// What tells who sends a request: Cookie headers, session tokens, nuvla-authn-info. Nothing that
// was not signed by us is believed.
#include "api/access/identity.hpp"
#include "api/access/session_token.hpp"
#include "tests/fuzz/promise.hpp"

using namespace jobengine;
using namespace jobengine::api;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static const access::SessionTokens tokens("a key for this test");
  static const std::string good = tokens.issue({{"exp", 4'000'000'000}, {"user", "user/a"}});
  constexpr std::int64_t now = 1'700'000'000;

  if (const auto cookie = access::cookie_of(text)) {
    fuzz::must_hold(!tokens.verify(*cookie, now) || *cookie == good, "only our tokens are believed",
                    text);
  }
  fuzz::must_hold(!tokens.verify(text, now) || text == good, "only our tokens are believed", text);
  // One changed character of the signed part, or one more behind it, makes a token worthless.
  if (size > 1) {
    auto forged = good;
    const auto signed_size = good.rfind('.');
    auto& place = forged[data[0] % signed_size];
    const bool same = place == text[1];
    place = text[1];
    fuzz::must_hold(same || !tokens.verify(forged, now), "a changed token is refused", forged);
  }
  if (const auto bytes = access::from_base64url(text)) {
    const auto again = access::from_base64url(access::base64url(*bytes));
    fuzz::must_hold(again == bytes, "base64 comes back", text);
  }
  fuzz::must_hold(access::from_base64url(access::base64url(text)) == text, "base64 comes back",
                  text);

  const auto who = access::read_authn_info(text);
  for (std::size_t i = 0; i < who.claims.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      fuzz::must_hold(who.claims[i] != who.claims[k], "claims are there once", text);
    }
  }
  fuzz::must_hold(!who.is_admin() || text.find("group/nuvla-admin") != std::string::npos,
                  "an administrator is named as such", text);
  return 0;
}
