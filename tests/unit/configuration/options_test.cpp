#include <catch2/catch.hpp>

#include "tests/support/temporary_directory.hpp"
#include "tests/unit/configuration/loading.hpp"

using namespace jobengine::tests;
using namespace std::chrono_literals;
using jobengine::configuration::LoadResult;
using Texts = std::vector<std::string>;

TEST_CASE("options: without any source the defaults hold", "[options]") {
  const LoadResult loaded = load_with({});
  REQUIRE_FALSE(loaded.answer);
  const auto& settings = *loaded.settings;
  REQUIRE(settings.text("api-url") == "https://nuvla.io");
  REQUIRE(settings.integer("slots") == 4);
  REQUIRE(settings.duration("drain-timeout") == 2min);
  REQUIRE_FALSE(settings.flag("debug"));
  REQUIRE(settings.list("zk-hosts") == Texts{"127.0.0.1:2181"});
  REQUIRE_FALSE(settings.document("distributions"));
  REQUIRE(settings.text("api-secret").empty());
  REQUIRE_FALSE(settings.given("slots"));
  REQUIRE(settings.origin("slots") == "default");
}

TEST_CASE("options: the command line counts before the environment, that before the file",
          "[options]") {
  const TemporaryDirectory directory;
  const std::string file = directory.file("c.yaml", "\nslots: 7\napi-url: http://file\n");
  const Texts environment = {"JOB_SLOTS=8", "JOB_CONFIG=" + file};

  const auto all = load_with({"--slots", "9"}, environment);
  REQUIRE(all.settings->integer("slots") == 9);
  REQUIRE(all.settings->origin("slots") == "command line");

  const auto two = load_with({}, environment);
  REQUIRE(two.settings->integer("slots") == 8);
  REQUIRE(two.settings->origin("slots") == "environment variable JOB_SLOTS");

  const auto one = load_with({"--config", file});
  REQUIRE(one.settings->integer("slots") == 7);
  REQUIRE(one.settings->origin("slots") == file + ":2");
  REQUIRE(one.settings->given("slots"));
  REQUIRE(one.settings->text("api-url") == "http://file");
}

TEST_CASE("options: the command line takes every usual form", "[options]") {
  REQUIRE(load_with({"--slots=5"}).settings->integer("slots") == 5);
  REQUIRE(load_with({"-lDEBUG"}).settings->text("log-level") == "DEBUG");
  REQUIRE(load_with({"-l", "debug"}).settings->text("log-level") == "DEBUG");
  REQUIRE(load_with({"-d"}).settings->flag("debug"));
  REQUIRE(load_with({"--debug"}).settings->flag("debug"));
  REQUIRE(load_with({"--slots", "5", "--slots", "6"}).settings->integer("slots") == 6);
  REQUIRE(load_with({"--api-url", ""}).settings->text("api-url").empty());
}

TEST_CASE("options: a list takes several values, repeated options and either separator",
          "[options]") {
  const Texts three = {"a:1", "b:2", "c:3"};
  const auto list = [](const Texts& arguments, const Texts& environment = {}) {
    return load_with(arguments, environment).settings->list("zk-hosts");
  };
  REQUIRE(list({"--zk-hosts", "a:1", "b:2", "c:3", "--slots", "2"}) == three);
  REQUIRE(list({"--zk-hosts", "a:1", "--zk-hosts", "b:2", "c:3"}) == three);
  REQUIRE(list({"--zk-hosts=a:1", "b:2", "c:3"}) == three);
  REQUIRE(list({}, {"JOB_ZK_HOSTS=a:1,b:2 c:3"}) == three);
  const TemporaryDirectory directory;
  REQUIRE(list({"--config", directory.file("l.yaml", "zk-hosts: [a:1, 'b:2', c:3]")}) == three);
  REQUIRE(list({"--config", directory.file("s.yaml", "zk-hosts: a:1")}) == Texts{"a:1"});
}

TEST_CASE("options: an empty environment variable is as good as none", "[options]") {
  const auto loaded = load_with({}, {"JOB_SLOTS=", "JOB_API_URL="});
  REQUIRE(loaded.settings->integer("slots") == 4);
  REQUIRE_FALSE(loaded.settings->given("api-url"));
}

TEST_CASE("options: a flag has a value in the environment and in the file", "[options]") {
  REQUIRE(load_with({}, {"JOB_DEBUG=yes"}).settings->flag("debug"));
  REQUIRE_FALSE(load_with({}, {"JOB_DEBUG=0"}).settings->flag("debug"));
  const TemporaryDirectory directory;
  const std::string file = directory.file("c.yaml", "debug: true");
  REQUIRE(load_with({"--config", file}).settings->flag("debug"));
  REQUIRE_FALSE(load_with({"--config", file}, {"JOB_DEBUG=false"}).settings->flag("debug"));
}

TEST_CASE("options: a secret is also read from a file, whose name any source may give",
          "[options]") {
  const TemporaryDirectory directory;
  const std::string secret = directory.file("secret", "s3cr3t \n");
  const std::string file = directory.file("c.yaml", "api-secret-file: " + secret);
  const auto text = [](const LoadResult& loaded) { return loaded.settings->text("api-secret"); };
  REQUIRE(text(load_with({"--api-secret-file", secret})) == "s3cr3t ");
  REQUIRE(text(load_with({}, {"JOB_API_SECRET_FILE=" + secret})) == "s3cr3t ");
  REQUIRE(text(load_with({"--config", file})) == "s3cr3t ");
  REQUIRE(text(load_with({"--config", file}, {"JOB_API_SECRET=direct"})) == "direct");
}

TEST_CASE("options: a document is handed on with its lines", "[options]") {
  const TemporaryDirectory directory;
  const std::string file =
      directory.file("c.yaml", "slots: 2\ndistributions:\n  cleanup_jobs: { every: 24h }\n");
  const auto loaded = load_with({"--config", file});
  const auto document = loaded.settings->document("distributions");
  REQUIRE(document);
  const auto every = document->at("cleanup_jobs").at("every");
  REQUIRE(every.text() == "24h");
  REQUIRE(every.where() == file + ":3");
  REQUIRE(every.path() == "distributions.cleanup_jobs.every");
}

TEST_CASE("options: an empty file sets nothing", "[options]") {
  const TemporaryDirectory directory;
  const auto loaded = load_with({"--config", directory.file("c.yaml", "# nothing\n")});
  REQUIRE(loaded.settings->integer("slots") == 4);
}

TEST_CASE("options: --help shows each option with default and variable, and no bad value stops it",
          "[options]") {
  const auto loaded = load_with({"--slots", "many", "--help"});
  REQUIRE(loaded.answer);
  REQUIRE_FALSE(loaded.settings);
  const std::string& help = loaded.answer->text;
  CAPTURE(help);
  for (const char* part :
       {"Usage: job-sample", "A program for tests.", "-l, --log-level", "one of DEBUG, INFO",
        "default: 127.0.0.1:2181", "environment: JOB_ZK_HOSTS", "--zk-hosts VALUE...",
        "--api-secret-file FILE", "--config FILE", "JOB_CONFIG", "-h, --help",
        "distributions:", "Exit codes: 0 fine."}) {
    REQUIRE_THAT(help, Catch::Contains(part));
  }
  std::size_t longest = 0;
  std::size_t start = 0;
  for (auto end = help.find('\n'); end != std::string::npos; end = help.find('\n', start)) {
    longest = std::max(longest, end - start);
    start = end + 1;
  }
  REQUIRE(longest <= 100);
}

TEST_CASE("options: --version names program and version", "[options]") {
  REQUIRE(load_with({"--version"}).answer->text == "job-sample " JE_VERSION "\n");
}
