#include "common/program/program.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"

using namespace jobengine;
using namespace jobengine::program;
using configuration::Settings;

namespace {

configuration::ProgramDeclaration sample() {
  configuration::ProgramDeclaration program;
  program.name = "job-sample";
  program.options = zookeeper_options() + api_options() + telemetry_options() + logging_options() +
                    statsd_option();
  return program;
}

struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};

// Swaps the buffers of the streams for the time of a run.
Ran run_sample(std::vector<std::string> arguments,
               const std::function<int(const Settings&)>& body) {
  arguments.insert(arguments.begin(), "job-sample");
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::ostringstream out;
  std::ostringstream err;
  auto* old_out = std::cout.rdbuf(out.rdbuf());
  auto* old_err = std::cerr.rdbuf(err.rdbuf());
  Ran ran;
  ran.code = run(sample(), static_cast<int>(arguments.size()), argv.data(), body);
  std::cout.rdbuf(old_out);
  std::cerr.rdbuf(old_err);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

// The usage error that `use` of the settings ends with.
std::string refused(std::vector<std::string> arguments,
                    const std::function<void(const Settings&)>& use) {
  const Ran ran = run_sample(std::move(arguments), [&use](const Settings& settings) {
    use(settings);
    return exit_ok;
  });
  CHECK(ran.code == exit_usage);
  return ran.err;
}

void client_of(const Settings& settings) {
  static_cast<void>(client_options(settings));
}
void session_of(const Settings& settings) {
  static_cast<void>(session_options(settings));
}

}  // namespace

TEST_CASE("program: the exit code says who is to blame", "[program]") {
  const auto ends_with = [](const std::function<int(const Settings&)>& body) {
    return run_sample({"--log-level", "CRITICAL"}, body).code;
  };
  REQUIRE(ends_with([](const Settings&) { return 0; }) == 0);
  REQUIRE(ends_with([](const Settings&) { return 7; }) == 7);
  REQUIRE(ends_with([](const Settings&) -> int { throw runtime::Failure("cannot listen"); }) == 1);
  REQUIRE(ends_with([](const Settings&) -> int { throw configuration::UsageError("no"); }) == 2);
  REQUIRE(ends_with([](const Settings&) -> int { throw configuration::YamlError("no"); }) == 2);
  REQUIRE(ends_with([](const Settings&) -> int { throw std::logic_error("bug"); }) == 2);
}

TEST_CASE("program: wrong use is told with a hint and runs nothing", "[program]") {
  const Ran ran = run_sample({"--zk-host", "x"}, [](const Settings&) -> int {
    FAIL("ran");
    return 0;
  });
  REQUIRE(ran.code == exit_usage);
  REQUIRE(ran.err ==
          "job-sample: unknown option --zk-host; did you mean --zk-hosts?\nTry 'job-sample "
          "--help'.\n");
}

TEST_CASE("program: --help and --version answer on stdout and run nothing", "[program]") {
  for (const char* option : {"--help", "--version"}) {
    const Ran ran = run_sample({option}, [](const Settings&) -> int {
      FAIL("ran");
      return 0;
    });
    REQUIRE(ran.code == exit_ok);
    REQUIRE_THAT(ran.out, Catch::Contains("job-sample"));
    REQUIRE(ran.err.empty());
  }
}

TEST_CASE("program: Nuvla's command line is understood", "[program]") {
  const Ran ran = run_sample(
      {"--zk-hosts", "zk1:2181", "zk2", "--api-url", "http://api:8200", "--api-authn-header",
       "group/nuvla-admin", "--api-insecure", "--statsd", "graphite", "--name", "me", "-l", "INFO"},
      [](const Settings& settings) {
        const auto session = session_options(settings);
        const auto client = client_options(settings);
        const bool good = session.hosts.size() == 2 &&
                          session.timeout == std::chrono::seconds(30) &&
                          client.url == "http://api:8200" && client.insecure &&
                          client.authn_header == "group/nuvla-admin" &&
                          settings.text("statsd") == "graphite" && instance_name(settings) == "me";
        return good ? 0 : 9;
      });
  CAPTURE(ran.err);
  REQUIRE(ran.code == 0);
}

TEST_CASE("program: values of a wrong form name their option", "[program]") {
  REQUIRE_THAT(refused({"--zk-hosts", "zk:port"}, session_of),
               Catch::Contains("zk-hosts (command line)") && Catch::Contains("zk:port"));
  REQUIRE_THAT(refused({"--zk-session-timeout", "10ms"}, session_of),
               Catch::Contains("zk-session-timeout (command line): is too short"));
  REQUIRE_THAT(refused({"--zk-session-timeout", "2d"}, session_of),
               Catch::Contains("is too long; expected at most 1h"));
  REQUIRE_THAT(refused({"--zk-hosts", "host:1:extra"}, session_of),
               Catch::Contains("host:1:extra") && Catch::Contains("expected host"));
  REQUIRE_THAT(refused({"--api-timeout", "0"}, client_of),
               Catch::Contains("api-timeout (command line): is too short"));
  REQUIRE_THAT(refused({"--telemetry-port", "0", "--telemetry-address", "here"},
                       [](const Settings& settings) {
                         asio::io_context loop;
                         telemetry::Metrics metrics;
                         start_status_server(loop, settings, metrics, nullptr);
                       }),
               Catch::Contains("--telemetry-address: \"here\" is no IP address"));
  REQUIRE_THAT(refused({"--api-url", "nuvla.io"}, client_of),
               Catch::Contains("api-url \"nuvla.io\""));
  REQUIRE_THAT(refused({"--api-key", "k"}, client_of),
               Catch::Contains("api-key is given without api-secret"));
  REQUIRE_THAT(refused({"--api-cookies", "c2VjcmV0"}, client_of),
               Catch::Contains("LWP cookie file") && !Catch::Contains("c2VjcmV0"));
  REQUIRE_THAT(refused({"--telemetry-port", "70000"}, client_of),
               Catch::Contains("--telemetry-port: \"70000\""));
}

TEST_CASE("program: JOB_LOG_LEVEL wins over the command line", "[program]") {
  const auto logs_debug = [](std::vector<std::string> arguments) {
    return run_sample(std::move(arguments),
                      [](const Settings&) { return telemetry::logs(telemetry::Level::Debug); })
        .code;
  };
  REQUIRE(logs_debug({}) == 0);
  REQUIRE(logs_debug({"-d"}) == 1);
  REQUIRE(logs_debug({"-l", "DEBUG"}) == 1);
  ::setenv("JOB_LOG_LEVEL", "error", 1);
  REQUIRE(logs_debug({"-d"}) == 0);
  ::setenv("JOB_LOG_LEVEL", "DEBUG", 1);
  REQUIRE(logs_debug({"-l", "ERROR"}) == 1);
  ::setenv("JOB_LOG_LEVEL", "LOUD", 1);
  REQUIRE(logs_debug({"-l", "ERROR"}) == exit_usage);
  ::unsetenv("JOB_LOG_LEVEL");
}

TEST_CASE("program: an option declared again counts in the last form", "[program]") {
  configuration::OptionDeclaration name;
  name.name = "name";
  name.help = "mine";
  const OptionList all = logging_options() + OptionList{name};
  REQUIRE(all.size() == logging_options().size());
  REQUIRE(all.back().help == "mine");
}

TEST_CASE("program: the status server is there when a port is given", "[program]") {
  const auto serves = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"-l", "ERROR"});
    return run_sample(std::move(arguments),
                      [](const Settings& settings) {
                        asio::io_context loop;
                        telemetry::Metrics metrics;
                        auto server = start_status_server(loop, settings, metrics, nullptr);
                        if (!server) return 0;
                        asio::co_spawn(loop, server->stop(), [](std::exception_ptr) {});
                        loop.run();
                        return 5;
                      })
        .code;
  };
  REQUIRE(serves({}) == 0);
  REQUIRE(serves({"--telemetry-port", "0"}) == 5);
}
