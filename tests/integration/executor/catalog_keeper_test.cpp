// The catalog follows its directories: real files, real inotify, real action hosts.
#include "executor/plugins/catalog_keeper.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/runtime/task_group.hpp"
#include "tests/integration/executor/bench.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Catch::Contains;

namespace {

fs::path edition(int number) {
  return build_directory() + "/tests/plugins/editions/edition_" + std::to_string(number) + ".so";
}

// A keeper that follows a directory of its own.
struct Kept {
  explicit Kept(asio::io_context& event_loop, std::string folder = "", CatalogRules rules = {})
      : loop(event_loop), tasks(event_loop.get_executor()) {
    CatalogKeeperOptions options;
    options.host_command = host_command();
    options.directories.push_back({folder.empty() ? place().string() : folder, true});
    options.rules = std::move(rules);
    options.quiet = 20ms;
    keeper.emplace(loop, std::move(options), &store);
  }
  fs::path place() const { return directory.path() / "actions"; }
  // Appears at once, as by mv.
  void deploy(const fs::path& from, const fs::path& to) const {
    const fs::path aside = directory.path() / "aside";
    fs::copy_file(from, aside);
    fs::rename(aside, to);
  }
  static void write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }
  std::string description(const std::string& action) const {
    const auto entry = keeper->catalog().find(action);
    return entry ? entry->manifest.description : "";
  }
  awaitable<void> start() {
    co_await keeper->start();
    tasks.spawn(keeper->follow(stopping));
  }
  awaitable<bool> comes_to_be(std::string action, std::string wanted) {
    co_return co_await eventually([&] { return description(action) == wanted; });
  }
  awaitable<void> end() {
    stopping.raise();
    co_await tasks.join();
  }

  asio::io_context& loop;
  TemporaryDirectory directory;
  TemporaryDirectory temporary;
  bool made = fs::create_directory(place());
  EditionStore store{temporary.path().string()};
  std::optional<CatalogKeeper> keeper;
  runtime::Event stopping;
  runtime::TaskGroup tasks;
};

constexpr const char* greet = "name: greet\ndescription: one\ncommand: [sh, greet.sh]\n";

}  // namespace

TEST_CASE("catalog: a new edition, a new file and a removed one are taken up") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Kept kept(loop);
    kept.deploy(edition(1), kept.place() / "e.so");
    co_await kept.start();
    const auto old = kept.keeper->catalog().find("edition_tell");
    REQUIRE(old);
    CHECK(old->manifest.description == "first edition");

    kept.deploy(edition(2), kept.place() / "e.so");
    const bool second = co_await kept.comes_to_be("edition_tell", "second edition");
    CHECK(second);
    CHECK(kept.keeper->catalog().find("edition_first_only") == nullptr);
    const auto entry = kept.keeper->catalog().find("edition_tell");
    CHECK(entry->edition == 2);
    CHECK(entry->plugin_file != old->plugin_file);
    CHECK(fs::exists(old->plugin_file));  // a run may still need it

    Kept::write(kept.place() / "greet.action.yaml", greet);
    const bool greets = co_await kept.comes_to_be("greet", "one");
    CHECK(greets);
    fs::remove(kept.place() / "e.so");
    const bool gone = co_await kept.comes_to_be("edition_tell", "");
    CHECK(gone);
    co_await kept.end();
  });
}

TEST_CASE(
    "catalog: an overwrite in place is a new edition, the private copy of the old one stays") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Kept kept(loop);
    fs::copy_file(edition(1), kept.place() / "e.so");
    co_await kept.start();
    const auto old = kept.keeper->catalog().find("edition_tell");
    const auto size = fs::file_size(old->plugin_file);
    fs::copy_file(edition(2), kept.place() / "e.so", fs::copy_options::overwrite_existing);
    const bool second = co_await kept.comes_to_be("edition_tell", "second edition");
    CHECK(second);
    CHECK(fs::file_size(old->plugin_file) == size);
    co_await kept.end();
  });
}

TEST_CASE("catalog: a broken file leaves the former edition in service, until it is mended") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Kept kept(loop);
    kept.deploy(edition(1), kept.place() / "e.so");
    co_await kept.start();
    Kept::write(kept.place() / "e.so", "no plugin at all");
    const bool refused =
        co_await eventually([&] { return !kept.keeper->report()["refused"].empty(); });
    CHECK(refused);
    const auto report = kept.keeper->report();
    CHECK_THAT(report["refused"][0]["reason"].get<std::string>(), Contains("not an ELF file"));
    CHECK(report["refused"][0]["former-edition-in-service"] == true);
    CHECK(kept.description("edition_tell") == "first edition");
    kept.deploy(edition(2), kept.place() / "e.so");
    const bool mended = co_await kept.comes_to_be("edition_tell", "second edition");
    CHECK(mended);
    CHECK(kept.keeper->report()["refused"].empty());
    co_await kept.end();
  });
}

TEST_CASE("catalog: a mounted volume whose link is swapped is read anew") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    // As Kubernetes does it: e.so → ..data/e.so, ..data → ..1, and then ..data → ..2.
    Kept kept(loop);
    for (int number : {1, 2}) {
      const fs::path version = kept.place() / (".." + std::to_string(number));
      fs::create_directory(version);
      fs::copy_file(edition(number), version / "e.so");
    }
    fs::create_symlink("..1", kept.place() / "..data");
    fs::create_symlink("..data/e.so", kept.place() / "e.so");
    co_await kept.start();
    CHECK(kept.description("edition_tell") == "first edition");
    fs::create_symlink("..2", kept.place() / "..data_tmp");
    fs::rename(kept.place() / "..data_tmp", kept.place() / "..data");
    const bool second = co_await kept.comes_to_be("edition_tell", "second edition");
    CHECK(second);
    co_await kept.end();
  });
}

TEST_CASE("catalog: the actions directory itself may be a link that is swapped") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    TemporaryDirectory releases;
    for (int number : {1, 2}) {
      fs::create_directory(releases.path() / std::to_string(number));
      fs::copy_file(edition(number), releases.path() / std::to_string(number) / "e.so");
    }
    const fs::path current = releases.path() / "current";
    fs::create_symlink("1", current);
    Kept kept(loop, current.string());
    co_await kept.start();
    CHECK(kept.description("edition_tell") == "first edition");
    fs::create_symlink("2", releases.path() / "next");
    fs::rename(releases.path() / "next", current);
    const bool second = co_await kept.comes_to_be("edition_tell", "second edition");
    CHECK(second);
    co_await kept.end();
  });
}

TEST_CASE("catalog: a plugin that is a link is watched where it leads") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Kept kept(loop);
    TemporaryDirectory build;
    fs::copy_file(edition(1), build.path() / "built.so");
    fs::create_symlink(build.path() / "built.so", kept.place() / "e.so");
    co_await kept.start();
    kept.deploy(edition(2), build.path() / "built.so");
    const bool second = co_await kept.comes_to_be("edition_tell", "second edition");
    CHECK(second);
    co_await kept.end();
  });
}

TEST_CASE("catalog: subfolders are read and watched, one level deep, hidden ones are not") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Kept kept(loop);
    fs::create_directories(kept.place() / ".git");
    Kept::write(kept.place() / ".git/greet.action.yaml", greet);
    co_await kept.start();
    CHECK(kept.description("greet").empty());
    fs::create_directories(kept.place() / "greet/deeper");
    Kept::write(kept.place() / "greet/deeper/deep.action.yaml",
                "name: deep\ndescription: deep\ncommand: [sh]\n");
    Kept::write(kept.place() / "greet/greet.action.yaml", greet);
    const bool found = co_await kept.comes_to_be("greet", "one");
    CHECK(found);
    CHECK(kept.description("deep").empty());
    Kept::write(kept.place() / "greet/greet.action.yaml",
                "name: greet\ndescription: two\ncommand: [sh, greet.sh]\n");
    const bool changed = co_await kept.comes_to_be("greet", "two");
    CHECK(changed);
    fs::remove_all(kept.place() / "greet");
    const bool gone = co_await kept.comes_to_be("greet", "");
    CHECK(gone);
    co_await kept.end();
  });
}

TEST_CASE("catalog: an executable action runs in the folder of its file, not of the copy") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Kept kept(loop);
    Kept::write(kept.place() / "main.sh", "#!/bin/sh\n");
    fs::permissions(kept.place() / "main.sh", fs::perms::owner_all);
    Kept::write(kept.place() / "greet.action.yaml",
                "name: greet\ndescription: one\ncommand: [./main.sh]\n");
    co_await kept.start();
    const auto entry = kept.keeper->catalog().find("greet");
    REQUIRE(entry);
    CHECK(entry->plugin_file != entry->source_file);
    std::ifstream copy(entry->plugin_file);
    const std::string text((std::istreambuf_iterator<char>(copy)), {});
    CHECK_THAT(text, Contains(kept.place().string()));
    co_await kept.end();
  });
}

TEST_CASE("catalog: a missing program is looked for again when something changes") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Kept kept(loop);
    Kept::write(kept.place() / "greet.action.yaml",
                "name: greet\ndescription: one\ncommand: [./main.sh]\n");
    co_await kept.start();
    CHECK_THAT(kept.keeper->report()["refused"][0]["reason"].get<std::string>(),
               Contains("main.sh"));
    Kept::write(kept.place() / "main.sh", "#!/bin/sh\n");
    fs::permissions(kept.place() / "main.sh", fs::perms::owner_all);
    const bool found = co_await kept.comes_to_be("greet", "one");
    CHECK(found);
    co_await kept.end();
  });
}

TEST_CASE("catalog: a directory that vanishes keeps its actions in service until it is back") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Kept kept(loop);
    kept.deploy(edition(1), kept.place() / "e.so");
    co_await kept.start();
    bool looked = false;
    kept.keeper->on_change = [&] { looked = true; };
    fs::rename(kept.place(), kept.directory.path() / "away");
    const bool noticed = co_await eventually([&] { return looked; });
    CHECK(noticed);
    CHECK(kept.description("edition_tell") == "first edition");
    kept.deploy(edition(2), kept.directory.path() / "away" / "e.so");
    fs::rename(kept.directory.path() / "away", kept.place());
    const bool second = co_await kept.comes_to_be("edition_tell", "second edition");
    CHECK(second);
    co_await kept.end();
  });
}

TEST_CASE("catalog: the report tells what is offered, what is not, and why") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    CatalogRules rules;
    rules.labels = {"region=eu"};
    Kept kept(loop, "", rules);
    Kept::write(kept.place() / "a.action.yaml", greet);
    Kept::write(kept.place() / "b.action.yaml", greet);
    Kept::write(kept.place() / "c.action.yaml",
                "name: train\ndescription: t\nlabels: [gpu, region=eu]\ncommand: [sh]\n");
    co_await kept.start();
    const auto report = kept.keeper->report();
    CHECK(report["labels"] == nlohmann::json::parse(R"(["region=eu"])"));
    REQUIRE(report["actions"].size() == 3);
    CHECK(report["actions"][0]["offered"] == true);
    CHECK(report["actions"][0]["manifest"]["description"] == "one");
    CHECK(report["actions"][1]["offered"] == false);
    CHECK_THAT(report["actions"][1]["reason"].get<std::string>(), Contains("a.action.yaml"));
    CHECK_THAT(report["actions"][2]["reason"].get<std::string>(), Contains("the label gpu,"));
    co_await kept.end();
  });
}

TEST_CASE("private copies: gone with their owner; those of dead executors are swept") {
  TemporaryDirectory temporary;
  std::string folder;
  {
    EditionStore store(temporary.path().string());
    folder = store.folder();
    auto copy = store.copy(edition(1).string());
    CHECK(fs::exists(copy->file()));
    const std::string file = copy->file();
    copy.reset();
    CHECK_FALSE(fs::exists(file));
    EditionStore another(temporary.path().string());
    CHECK(fs::exists(folder));  // its owner lives
  }
  CHECK_FALSE(fs::exists(folder));
  const fs::path stale = temporary.path() / "job-executor-stale1";
  fs::create_directories(stale / "1");
  const EditionStore store(temporary.path().string());
  CHECK_FALSE(fs::exists(stale));
}
