#include <catch2/catch.hpp>

#include "common/configuration/options.hpp"
#include "executor/plugins/catalog_keeper.hpp"
#include "tests/integration/executor/bench.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;

namespace {

awaitable<Catalog> scan(asio::io_context& loop, std::vector<std::string> paths,
                        std::vector<std::string> labels = {}) {
  std::vector<ActionDirectory> directories;
  for (const std::string& path : paths) directories.push_back({path, true});
  HostCommand command = host_command();
  co_return co_await scan_actions(loop, std::move(command), std::move(directories),
                                  std::move(labels), std::chrono::seconds(5));
}

}  // namespace

TEST_CASE("the actions of a directory are found") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    std::vector<std::string> paths = {good_plugins()};
    const Catalog catalog = co_await scan(loop, std::move(paths));
    REQUIRE(catalog.find("test_ok") != nullptr);
    CHECK(catalog.find("test_ok")->manifest.description == "succeeds");
    CHECK(catalog.find("test_ok")->manifest.pull_mode);
    CHECK_FALSE(catalog.find("test_crash")->manifest.pull_mode);
    CHECK(catalog.find("test_refused") == nullptr);
  });
}

TEST_CASE("plugins that are refused do not stop the others, whatever they do while loading") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    std::vector<std::string> paths = {bad_plugins(), good_plugins()};
    const Catalog catalog = co_await scan(loop, std::move(paths));
    CHECK(catalog.find("test_break_off") != nullptr);
    CHECK(catalog.find("test_refused") == nullptr);
    // taken_name.so stands in the first directory, so its action is the one that stays.
    REQUIRE(catalog.find("test_ok") != nullptr);
    CHECK(catalog.find("test_ok")->manifest.description == "the second");
  });
}

TEST_CASE("a directory that was asked for and cannot be read is wrong use") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    std::vector<std::string> paths = {"/nonexistent/actions"};
    std::string message;
    try {
      co_await scan(loop, std::move(paths));
    } catch (const configuration::UsageError& failure) {
      message = failure.what();
    }
    CHECK_THAT(message, Catch::Contains("/nonexistent/actions"));
  });
}

TEST_CASE("an action that needs labels is offered by an executor that has them, and by no other") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    std::vector<std::string> paths = {good_plugins()};
    std::vector<std::string> labels = {"gpu", "region=eu", "more"};
    const Catalog having = co_await scan(loop, paths, std::move(labels));
    CHECK(having.find("test_needs_labels") != nullptr);
    CHECK(having.why_withheld("test_needs_labels").empty());

    std::vector<std::string> others = {"region=eu"};
    const Catalog lacking = co_await scan(loop, std::move(paths), std::move(others));
    CHECK(lacking.find("test_needs_labels") == nullptr);
    CHECK_THAT(lacking.why_withheld("test_needs_labels"), Catch::Contains("needs the label gpu,"));
    CHECK(lacking.why_withheld("test_ok").empty());
  });
}
