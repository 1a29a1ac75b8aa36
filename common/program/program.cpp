#include "common/program/program.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"
#include "common/zookeeper/c_client_log.hpp"

namespace jobengine::program {

namespace {

using configuration::OptionDeclaration;
using configuration::OptionKind;
using configuration::Settings;
using configuration::UsageError;

constexpr const char* log_level_variable = "JOB_LOG_LEVEL";
const std::vector<std::string> level_names = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};

OptionDeclaration text_option(std::string name, std::string placeholder, std::string help) {
  OptionDeclaration option;
  option.name = std::move(name);
  option.placeholder = std::move(placeholder);
  option.help = std::move(help);
  return option;
}

OptionDeclaration secret_option(std::string name, std::string help) {
  OptionDeclaration option = text_option(std::move(name), "SECRET", std::move(help));
  option.secret = true;
  return option;
}

OptionDeclaration flag_option(std::string name, std::string help) {
  OptionDeclaration option = text_option(std::move(name), "", std::move(help));
  option.kind = OptionKind::Flag;
  return option;
}

bool declares(const configuration::ProgramDeclaration& program, std::string_view name) {
  return std::any_of(program.options.begin(), program.options.end(),
                     [name](const auto& option) { return option.name == name; });
}

telemetry::Level level_of(const std::string& name) {
  constexpr std::array levels = {telemetry::Level::Debug, telemetry::Level::Info,
                                 telemetry::Level::Warning, telemetry::Level::Error,
                                 telemetry::Level::Critical};
  const auto found = std::find(level_names.begin(), level_names.end(), name);
  JE_CHECK(found != level_names.end(), "the options accept known levels only");
  return levels.at(static_cast<std::size_t>(found - level_names.begin()));
}

// The one variable that counts more than the command line, as in Nuvla.
std::optional<telemetry::Level> level_of_environment() {
  const char* variable = std::getenv(log_level_variable);
  if (variable == nullptr || *variable == '\0') return std::nullopt;
  std::string name = variable;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  if (std::find(level_names.begin(), level_names.end(), name) == level_names.end()) {
    throw UsageError(std::string("environment variable ") + log_level_variable + ": \"" + variable +
                     "\" is not accepted; expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL");
  }
  return level_of(name);
}

telemetry::LogFormat format_of(const std::string& name) {
  if (name == "text") return telemetry::LogFormat::Text;
  if (name == "json") return telemetry::LogFormat::Json;
  return telemetry::LogFormat::Auto;
}

void start_logging(const configuration::ProgramDeclaration& program, const Settings& settings) {
  telemetry::LogOptions options;
  options.program = program.name;
  if (declares(program, "name")) options.instance = instance_name(settings);
  if (declares(program, "log-format")) options.format = format_of(settings.text("log-format"));
  if (declares(program, "log-level")) options.level = level_of(settings.text("log-level"));
  if (declares(program, "debug") && settings.flag("debug")) options.level = telemetry::Level::Debug;
  if (const auto level = level_of_environment()) options.level = *level;
  telemetry::start_logging(options);
  zookeeper::set_client_log(
      [](const std::string& line) { telemetry::warning("ZooKeeper client", {{"error", line}}); });
}

int usage_error(const configuration::ProgramDeclaration& program, const std::string& message) {
  std::cerr << program.name << ": " << message << "\nTry '" << program.name << " --help'.\n";
  return exit_usage;
}

int run_body(const configuration::ProgramDeclaration& program, int argc, char** argv,
             const std::function<int(const Settings&)>& body) {
  configuration::LoadResult loaded = configuration::load(program, argc, argv, environ);
  if (loaded.answer) {
    std::cout << loaded.answer->text << std::flush;
    return std::cout.good() ? exit_ok : exit_failure;
  }
  start_logging(program, *loaded.settings);
  return body(*loaded.settings);
}

}  // namespace

OptionList logging_options() {
  OptionDeclaration level = text_option("log-level", "LEVEL", "least severe messages logged");
  level.letter = 'l';
  level.default_text = "INFO";
  level.one_of = level_names;
  level.help += "; the environment variable wins over the command line";
  OptionDeclaration debug = flag_option("debug", "same as --log-level DEBUG");
  debug.letter = 'd';
  OptionDeclaration format =
      text_option("log-format", "FORMAT", "auto: text on a terminal, else json");
  format.default_text = "auto";
  format.one_of = {"auto", "text", "json"};
  return {level, debug, format,
          text_option("name", "NAME",
                      "name of this process in logs and in ZooKeeper (default: "
                      "<host name>-<process id>)")};
}

OptionList telemetry_options() {
  OptionDeclaration port = text_option(
      "telemetry-port", "PORT",
      "serve /healthz, /readyz and /metrics there (0: a free port, logged); not served without it");
  port.kind = OptionKind::Integer;
  port.least = 0;
  port.most = 65535;
  OptionDeclaration address =
      text_option("telemetry-address", "ADDRESS", "IP address --telemetry-port is opened on");
  address.default_text = "127.0.0.1";
  return {port, address};
}

OptionList zookeeper_options() {
  OptionDeclaration hosts =
      text_option("zk-hosts", "HOST",
                  "ZooKeeper servers as HOST[:PORT], the last one with an optional /CHROOT");
  hosts.kind = OptionKind::TextList;
  hosts.default_text = "127.0.0.1:2181";
  OptionDeclaration timeout =
      text_option("zk-session-timeout", "TIME",
                  "after this silence ZooKeeper gives up a process and its locks");
  timeout.kind = OptionKind::Duration;
  timeout.default_text = "30s";
  return {hosts, timeout};
}

OptionList api_options() {
  OptionDeclaration url = text_option("api-url", "URL", "resource API as SCHEME://HOST[:PORT]");
  url.default_text = "https://nuvla.io";
  OptionDeclaration timeout =
      text_option("api-timeout", "TIME", "longest wait for one answer of the resource API");
  timeout.kind = OptionKind::Duration;
  timeout.default_text = "30s";
  OptionDeclaration cookies =
      secret_option("api-cookies",
                    "session cookies to use instead of a login: base64 of an LWP "
                    "cookie file");
  cookies.environment = "JOB_COOKIES";
  return {
      url,
      text_option("api-user", "USER", "user name of a password login"),
      secret_option("api-pass", "password of --api-user"),
      text_option("api-key", "KEY", "id of an API key credential"),
      secret_option("api-secret", "secret of --api-key"),
      flag_option("api-insecure", "do not verify the API's TLS certificate"),
      text_option("api-authn-header", "INFO",
                  "no login; send this as header nuvla-authn-info (behind the API's proxy only)"),
      cookies,
      timeout};
}

OptionList statsd_option() {
  return {text_option("statsd", "HOST[:PORT]", "StatsD server gauges are sent to (port 8125)")};
}

OptionList operator+(OptionList first, OptionList second) {
  for (auto& option : second) {
    const auto same = std::find_if(first.begin(), first.end(), [&option](const auto& earlier) {
      return earlier.name == option.name;
    });
    if (same != first.end()) {
      *same = std::move(option);
    } else {
      first.push_back(std::move(option));
    }
  }
  return first;
}

std::string instance_name(const Settings& settings) {
  if (const std::string& name = settings.text("name"); !name.empty()) return name;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host = {"localhost"};
  return std::string(host.data()) + "-" + std::to_string(::getpid());
}

void expect_duration(const Settings& settings, std::string_view name, std::string_view least,
                     std::string_view most) {
  const auto value = settings.duration(name);
  const bool too_short = value < *configuration::parse_duration(least);
  if (!too_short && value <= *configuration::parse_duration(most)) return;
  throw UsageError(std::string(name) + " (" + settings.origin(name) + "): is too " +
                   (too_short ? "short; expected at least " + std::string(least)
                              : "long; expected at most " + std::string(most)));
}

std::string ip_address(const std::string& text, std::string_view option) {
  if (text == "localhost") return "127.0.0.1";
  boost::system::error_code failure;
  asio::ip::make_address(text, failure);
  if (!failure) return text;
  throw UsageError(std::string(option) + ": \"" + text +
                   "\" is no IP address; expected one like 127.0.0.1, 0.0.0.0 or ::1");
}

zookeeper::SessionOptions session_options(const Settings& settings) {
  try {
    zookeeper::SessionOptions options = zookeeper::parse_hosts(settings.list("zk-hosts"));
    options.timeout = settings.duration("zk-session-timeout");
    expect_duration(settings, "zk-session-timeout", "1s", "1h");
    return options;
  } catch (const runtime::Failure& failure) {
    throw UsageError("zk-hosts (" + settings.origin("zk-hosts") + "): " + failure.what());
  }
}

cimi::ClientOptions client_options(const Settings& settings) {
  cimi::ClientOptions options;
  options.url = settings.text("api-url");
  options.insecure = settings.flag("api-insecure");
  options.user = settings.text("api-user");
  options.password = settings.text("api-pass");
  options.api_key = settings.text("api-key");
  options.api_secret = settings.text("api-secret");
  options.authn_header = settings.text("api-authn-header");
  options.cookies_base64 = settings.text("api-cookies");
  options.timeout = settings.duration("api-timeout");
  expect_duration(settings, "api-timeout", "100ms", "1h");
  try {
    cimi::check(options);
  } catch (const runtime::Failure& failure) {
    throw UsageError(failure.what());
  }
  return options;
}

std::unique_ptr<telemetry::StatusServer> start_status_server(asio::io_context& loop,
                                                             const Settings& settings,
                                                             telemetry::Metrics& metrics,
                                                             telemetry::ReadyCheck ready) {
  if (!settings.given("telemetry-port")) return nullptr;
  telemetry::StatusServerOptions options;
  options.address = ip_address(settings.text("telemetry-address"), "--telemetry-address");
  options.port = static_cast<std::uint16_t>(settings.integer("telemetry-port"));
  auto server = std::make_unique<telemetry::StatusServer>(loop, options, metrics, std::move(ready));
  telemetry::info("serving /healthz, /readyz and /metrics",
                  {{"address", options.address}, {"port", server->port()}});
  return server;
}

int run(const configuration::ProgramDeclaration& program, int argc, char** argv,
        const std::function<int(const Settings&)>& body) {
  // A reader that goes away is an error of that write, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    runtime::check_crash_request();
    return run_body(program, argc, argv, body);
  } catch (const UsageError& failure) {
    return usage_error(program, failure.what());
  } catch (const configuration::YamlError& failure) {
    return usage_error(program, failure.what());
  } catch (const runtime::Failure& failure) {
    telemetry::log(telemetry::Level::Critical, failure.what());
    return exit_failure;
  } catch (...) {
    telemetry::log(telemetry::Level::Critical, "unexpected failure",
                   {{"error", runtime::describe(std::current_exception())}});
    return exit_usage;
  }
}

}  // namespace jobengine::program
