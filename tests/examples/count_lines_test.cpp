#include <cassert>
#include <jobengine/testing.hpp>

using jobengine::testing::FakeHost;
using jobengine::testing::PluginFile;

int main(int, char** argv) {
  const PluginFile plugin(argv[1]);
  const je_action& action = plugin.action("count_lines");

  FakeHost counting({.payload = R"({"path": "/dev/null"})"});
  assert(counting.run(action).return_code == 0);
  assert(counting.status() == "/dev/null has 0 lines");

  FakeHost failing({.payload = R"({"path": "/no/such/file"})"});
  assert(failing.run(action).message == "cannot open /no/such/file");
}
