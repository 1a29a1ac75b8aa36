// Runs the plugin without an engine. Any test framework will do; this needs none.
#include <cstdio>
#include <exception>
#include <jobengine/testing.hpp>
#include <stdexcept>

using jobengine::testing::FakeHost;
using jobengine::testing::PluginFile;

namespace {

void expect(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(std::string("not so: ") + what);
}

void greets(const je_action& action) {
  FakeHost host({.payload = R"({"whom": "Ada", "times": 2})"});
  expect(host.run(action).return_code == 0, "it succeeds");
  expect(host.status() == "said hello to Ada", "it says whom it greeted");
  expect(host.progress() == 100, "it tells its progress");
  expect(host.logs().size() == 2, "it greets twice");
}

void stops(const je_action& action) {
  FakeHost host({.payload = R"({"whom": "Ada", "times": 100})"});
  host.request_stop();
  expect(host.run(action).return_code == 1, "a stopped job is no success");
}

void refuses_a_bad_payload(const je_action& action) {
  FakeHost host({.payload = R"({"who": "Ada"})"});
  const auto result = host.run(action);
  expect(result.outcome == JE_OUTCOME_FAILED, "it fails");
  expect(result.message.find("\"whom\" is missing") != std::string::npos,
         "it says what is missing");
}

}  // namespace

int main(int, char** argv) {
  try {
    const PluginFile plugin(argv[1]);
    const auto& action = plugin.action("greet");
    greets(action);
    stops(action);
    refuses_a_bad_payload(action);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
