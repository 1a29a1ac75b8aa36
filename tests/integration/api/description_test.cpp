// What /api/openapi.json and /api/resource-metadata tell is what the server does: held together by
// a script that reads the one and asks the other.
#include <catch2/catch.hpp>

#include "common/runtime/child_process.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {
namespace {

void check_description(const std::string& what) {
  const ApiServer server(
      {{}, {"--trust-authn-header", "--resources", source_directory() + "/deploy/resources"}, {}});
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    runtime::SpawnRequest request;
    request.argv = {"/usr/bin/python3",
                    source_directory() + "/tests/integration/api/description_check.py",
                    std::to_string(server.port()), api_password, what};
    auto script = runtime::ChildProcess::spawn(loop, request);
    co_await script.exited().wait();
    INFO(server.log());
    CHECK(script.status().text() == "exited with code 0");
  };
  run_on_loop(body, std::chrono::seconds(180));
}

TEST_CASE("description: it is an OpenAPI 3 document that does not change by itself", "[api]") {
  check_description("structure");
}

TEST_CASE("description: what is described is served, and what is served is described", "[api]") {
  check_description("routes");
}

TEST_CASE("description: answers are as described, for every operation", "[api]") {
  check_description("answers");
}

TEST_CASE("description: the job's attributes take what is described, and nothing else", "[api]") {
  check_description("bounds");
}

}  // namespace
}  // namespace jobengine::tests
