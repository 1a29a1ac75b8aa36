// JSON in and out: what our reader and writer make of a text is what nlohmann::json makes of it.
#include "api/notation/notation.hpp"

#include <algorithm>

#include "tests/fuzz/promise.hpp"

using namespace jobengine;
using namespace jobengine::api;
using nlohmann::json;

namespace {

bool same(const json& one, const json& other) {
  if (one.type() != other.type() || one.size() != other.size()) return false;
  if (!one.is_structured()) return one == other;
  return std::equal(one.items().begin(), one.items().end(), other.items().begin(),
                    [](const auto& a, const auto& b) {
                      return a.key() == b.key() && same(a.value(), b.value());
                    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const json expected = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const json found = notation::parsed_or_discarded(text);
  fuzz::must_hold(found.is_discarded() == expected.is_discarded(), "malformed for both or neither",
                  text);
  if (expected.is_discarded()) return 0;
  fuzz::must_hold(same(found, expected), "both read the same", text);
  fuzz::must_hold(notation::written(found) == expected.dump(), "both write the same", text);
  fuzz::must_hold(
      notation::written_in_ascii(found) == expected.dump(-1, ' ', /*ensure_ascii=*/true),
      "both write the same in ASCII", text);
  return 0;
}
