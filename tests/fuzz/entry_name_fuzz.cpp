// Names of queue entries: what is read is written back the same; order follows the text.
#include "common/queue/entry_name.hpp"

#include "tests/fuzz/promise.hpp"

using namespace jobengine;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto name = queue::parse_entry_name(text);
  if (!name) return 0;
  fuzz::must_hold(name->priority >= 0 && name->priority <= 999, "a priority has three digits",
                  text);
  const auto again = queue::parse_entry_name(name->text());
  fuzz::must_hold(again == name, "a name comes back", text);
  fuzz::must_hold(text.starts_with(queue::entry_prefix(name->priority)),
                  "the prefix is that of its priority", text);
  return 0;
}
