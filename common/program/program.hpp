// What the main of every program shares: options of the common parts, logging, exit codes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/cimi/client.hpp"
#include "common/configuration/options.hpp"
#include "common/telemetry/status_server.hpp"
#include "common/zookeeper/lasting_session.hpp"

namespace jobengine::program {

// Exit codes of every program of ours; more are documented where a program has them.
inline constexpr int exit_ok = 0;
inline constexpr int exit_failure = 1;  // the environment: cannot listen, login refused, …
inline constexpr int exit_usage = 2;    // wrong use: options, configuration; or a broken program

using OptionList = std::vector<configuration::OptionDeclaration>;

// -l/--log-level, -d/--debug, --log-format, --name. JOB_LOG_LEVEL wins over the command line, as in
// Nuvla.
OptionList logging_options();
// --telemetry-port (nothing is served without it; 0: a free one, logged), --telemetry-address
// (default 127.0.0.1).
OptionList telemetry_options();
// --zk-hosts HOST… (default 127.0.0.1:2181), --zk-session-timeout (default 30s).
OptionList zookeeper_options();
// --api-url, --api-user, --api-pass, --api-key, --api-secret (+ -file for secrets), --api-insecure,
// --api-authn-header, --api-cookies (environment JOB_COOKIES), --api-timeout.
OptionList api_options();
// --statsd HOST[:PORT]
OptionList statsd_option();

// One option declared on both sides: the right one counts, in the left one's place.
OptionList operator+(OptionList first, OptionList second);

// --name, or "<host name>-<process id>".
std::string instance_name(const configuration::Settings& settings);

// Throws UsageError naming the option and where it was given, unless least <= value <= most.
void expect_duration(const configuration::Settings& settings, std::string_view name,
                     std::string_view least, std::string_view most);
// `text`, or what localhost stands for; throws UsageError naming `option` for anything else.
std::string ip_address(const std::string& text, std::string_view option);

// Throw UsageError for values that do not go together or have the wrong form.
zookeeper::SessionOptions session_options(const configuration::Settings& settings);
cimi::ClientOptions client_options(const configuration::Settings& settings);

// Nothing when --telemetry-port is not given. Throws Failure when the port cannot be listened on,
// UsageError when the address is none.
std::unique_ptr<telemetry::StatusServer> start_status_server(
    asio::io_context& loop, const configuration::Settings& settings, telemetry::Metrics& metrics,
    telemetry::ReadyCheck ready);

// The whole of a main: loads the options, answers --help and --version, starts logging, runs `body`
// and turns what it throws into a message and an exit code (UsageError: 2; Failure: 1; anything
// else: 2).
int run(const configuration::ProgramDeclaration& program, int argc, char** argv,
        const std::function<int(const configuration::Settings&)>& body);

}  // namespace jobengine::program
