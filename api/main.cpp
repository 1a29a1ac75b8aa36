// job-api: the embedded resource API. Options → store → collections → listener, and the feed that
// fills the queue.
#include <malloc.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "api/access/authentication.hpp"
#include "api/access/login_limits.hpp"
#include "api/access/password_hash.hpp"
#include "api/access/secrets.hpp"
#include "api/cimi/accounts.hpp"
#include "api/cimi/credential_collection.hpp"
#include "api/cimi/generic_collection.hpp"
#include "api/cimi/generic_type_reader.hpp"
#include "api/cimi/group_collection.hpp"
#include "api/cimi/job_collection.hpp"
#include "api/cimi/self_description.hpp"
#include "api/cimi/service.hpp"
#include "api/cimi/session_collection.hpp"
#include "api/cimi/templates.hpp"
#include "api/cimi/user_collection.hpp"
#include "api/events/event_endpoints.hpp"
#include "api/events/hub.hpp"
#include "api/feed/queue_feed.hpp"
#include "api/http/listener.hpp"
#include "api/listener_options.hpp"
#include "api/logs/log_endpoint.hpp"
#include "api/request_metrics.hpp"
#include "api/retention.hpp"
#include "api/store/store.hpp"
#include "common/program/program.hpp"
#include "common/program/session_report.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/runtime/event_loop.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/stop_signal.hpp"
#include "common/runtime/task_group.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api {
namespace {

using configuration::OptionDeclaration;
using configuration::OptionKind;
using configuration::Settings;
using configuration::UsageError;

constexpr auto drain_grace = std::chrono::seconds(10);
// Sessions past their end are removed this often.
constexpr auto session_sweep = std::chrono::hours(1);

OptionDeclaration option(const char* name, OptionKind kind, const char* default_text,
                         const char* placeholder, const char* help) {
  OptionDeclaration declaration;
  declaration.name = name;
  declaration.kind = kind;
  declaration.default_text = default_text;
  declaration.placeholder = placeholder;
  declaration.help = help;
  return declaration;
}

OptionDeclaration bounded(OptionDeclaration declaration, std::int64_t least, std::int64_t most) {
  declaration.least = least;
  declaration.most = most;
  return declaration;
}

program::OptionList api_server_options() {
  auto password = option("admin-password", OptionKind::Text, "", "SECRET",
                         "password of the administrator: needed at the first start, and when given "
                         "later it replaces the one before");
  password.secret = true;
  password.environment = "JOB_API_ADMIN_PASSWORD";
  auto resources = option("resources", OptionKind::TextList, "", "FILE_OR_FOLDER",
                          "YAML files, or folders of them, that declare further resource types");
  resources.environment = "JOB_API_RESOURCES";
  return {
      option("database", OptionKind::Text, "job-api.sqlite", "FILE",
             "where the resources are kept; made when it is missing"),
      bounded(option("queue-capacity", OptionKind::Integer, "10000", "N",
                     "most entries kept in the queue; what is beyond waits in the database"),
              1, 1000000),
      option("trust-authn-header", OptionKind::Flag, "", "",
             "believe the header nuvla-authn-info; only behind a proxy that removes it from "
             "outside requests"),
      option("trust-forwarded-for", OptionKind::Flag, "", "",
             "count logins by the last address in X-Forwarded-For instead of the peer's; only "
             "behind a proxy that adds it"),
      option("admin-user", OptionKind::Text, "admin", "NAME", "name of the administrator"),
      password,
      resources,
      option("session-lifetime", OptionKind::Duration, "7d", "TIME", "how long a login lasts"),
      bounded(option("event-streams", OptionKind::Integer, "5000", "N",
                     "clients that may wait for events or logs at the same time; 503 for others"),
              0, 1000000),
      option("job-retention", OptionKind::Duration, "0", "TIME",
             "jobs that ended longer ago are removed; 0: never (the distribution cleanup_jobs "
             "removes jobs by default)"),
      bounded(option("job-log-limit", OptionKind::Integer, "8388608", "BYTES",
                     "so much is kept of a job's log; 0: no logs are kept"),
              0, 1LL << 40),
      option("event-heartbeat", OptionKind::Duration, "15s", "TIME",
             "an event stream on which nothing happens gets a comment this often"),
  };
}

configuration::ProgramDeclaration declaration() {
  configuration::ProgramDeclaration program;
  program.name = "job-api";
  program.description =
      "Serves the resource API of the job engine: jobs, sessions, credentials. Stores jobs and "
      "puts their ids into the queue in ZooKeeper.";
  using program::operator+;
  program.options = listener_option_list() + api_server_options() + program::zookeeper_options() +
                    program::telemetry_options() + program::logging_options();
  program.footer =
      "Exit codes: 0 stopped by SIGTERM or SIGINT, 1 the environment (port in use, database not "
      "writable), 2 wrong use.";
  return program;
}

// A setting of the installation, made at the first start.
awaitable<std::string> lasting_setting(store::Store& store, std::string name, std::string fresh) {
  const auto known = co_await store.setting(name);
  if (known) co_return *known;
  co_await store.put_setting(name, fresh);
  co_return fresh;
}

awaitable<void> ensure_administrator(store::Store& store, const Settings& settings) {
  const std::string& user = settings.text("admin-user");
  const std::string& password = settings.text("admin-password");
  const bool there = co_await cimi::ensure_administrator(store, user, password);
  if (there) co_return;
  throw UsageError("the administrator '" + user +
                   "' does not exist yet and has no password to be created with: set "
                   "JOB_API_ADMIN_PASSWORD or --admin-password-file FILE");
}

awaitable<void> sweep_sessions(store::Store* store, runtime::Event* stopping) {
  while (!stopping->raised()) {
    store::SearchRequest over;
    over.collection = "session";
    over.filter = filter::parse("expiry<'" + cimi::timestamp(cimi::wall_now()) + "'");
    over.visibility.everything = true;
    std::string trouble;
    try {
      co_await store->remove_matching(std::move(over));
    } catch (const std::exception& failure) {
      trouble = failure.what();
    }
    if (!trouble.empty()) telemetry::warning("ended sessions stay", {{"error", trouble}});
    co_await runtime::pause(session_sweep, *stopping);
  }
}

events::EventOptions event_options(const Settings& settings) {
  events::EventOptions options;
  options.most_streams = static_cast<std::size_t>(settings.integer("event-streams"));
  options.stream.heartbeat = settings.duration("event-heartbeat");
  return options;
}

struct ServiceParts {
  store::Store& store;
  access::Authentication& authentication;
  access::PasswordHasher& hasher;
  access::LoginLimits& limits;
  telemetry::Metrics& metrics;
  feed::QueueFeed& feed;
  const cimi::GenericTypes& types;
  events::EventEndpoints& events;
  logs::LogEndpoint& logs;
};

void offer_accounts(cimi::Service& service, const ServiceParts& parts) {
  auto& store = parts.store;
  auto& authentication = parts.authentication;
  cimi::Logins logins(store, parts.hasher, parts.limits, login_observer(parts.metrics));
  service.offer(
      std::make_unique<cimi::SessionCollection>(store, authentication, std::move(logins)));
  service.offer(std::make_unique<cimi::UserCollection>(store, authentication, parts.hasher));
  service.offer(std::make_unique<cimi::GroupCollection>(store, authentication));
  service.offer(std::make_unique<cimi::CredentialCollection>(store, authentication, parts.hasher,
                                                             parts.limits));
  for (const auto& name : cimi::template_collections()) {
    service.offer(std::make_unique<cimi::TemplateCollection>(store, name));
  }
}

std::unique_ptr<cimi::Service> make_service(const ServiceParts& parts,
                                            cimi::ServiceOptions options) {
  const auto since = options.since;
  auto service = std::make_unique<cimi::Service>(parts.authentication, std::move(options));
  auto wanted = [feed = &parts.feed] { feed->wanted(); };
  service->offer(std::make_unique<cimi::JobCollection>(parts.store, wanted, parts.types));
  offer_accounts(*service, parts);
  for (const auto& type : parts.types.all()) {
    service->offer(std::make_unique<cimi::GenericCollection>(parts.store, type, wanted));
  }
  parts.events.offer_to(*service);
  parts.logs.offer_to(*service);
  cimi::offer_self_description(*service, since);
  return service;
}

// What others wait for: on stdout, one line, once requests are answered. Not beside logs asked for
// in JSON: those are often read from both streams together, and say the same.
void announce(const Settings& settings, const http::ListenerOptions& options, std::uint16_t port) {
  const std::string& address = options.address;
  const char* scheme = options.certificate_file.empty() ? "http" : "https";
  if (settings.text("log-format") != "json") {
    const bool v6 = address.find(':') != std::string::npos;
    const std::string host = v6 ? "[" + address + "]" : address;
    std::printf("job-api listens on %s://%s:%u\n", scheme, host.c_str(),
                static_cast<unsigned>(port));
    std::fflush(stdout);
  }
  telemetry::info("listening", {{"address", address}, {"port", port}, {"scheme", scheme}});
}

awaitable<void> serve(asio::io_context* loop, const Settings* settings_of_program,
                      http::ListenerOptions options, const cimi::GenericTypes* types,
                      zookeeper::SessionOptions zookeeper_options) {
  const Settings& settings = *settings_of_program;
  telemetry::Metrics metrics;
  events::Hub hub;  // before the store, whose thread calls it
  const auto store = store::open_sqlite_store(settings.text("database"));
  store->publish_in(metrics);
  // Not before the store: until a long migration has ended SIGTERM ends the process, and the
  // database is as it was before.
  runtime::StopSignal stop(*loop);
  store->observe(hub.observer());
  co_await ensure_administrator(*store, settings);
  auto fresh_key = access::hex(access::random_bytes(32));
  auto key = co_await lasting_setting(*store, "cookie-key", std::move(fresh_key));
  cimi::ServiceOptions service_options;
  auto now = cimi::timestamp(cimi::wall_now());
  service_options.since = co_await lasting_setting(*store, "installed", std::move(now));
  co_await cimi::put_templates(*store, service_options.since);
  service_options.forwarded_for = settings.flag("trust-forwarded-for")
                                      ? access::ForwardedFor::Trusted
                                      : access::ForwardedFor::Ignored;
  service_options.body_limit = static_cast<std::size_t>(settings.integer("body-limit"));
  service_options.bulk_body_limit = static_cast<std::size_t>(settings.integer("bulk-body-limit"));

  RequestMetrics requests(metrics);
  const auto lifetime =
      std::chrono::duration_cast<std::chrono::seconds>(settings.duration("session-lifetime"));
  const auto header = settings.flag("trust-authn-header") ? access::AuthnHeader::Trusted
                                                          : access::AuthnHeader::Ignored;
  access::Authentication authentication(*store, std::move(key), header, lifetime);
  access::PasswordHasher hasher;
  access::LoginLimits limits;
  const auto session = zookeeper::make_session(*loop, std::move(zookeeper_options));
  const program::SessionReport session_report(*session, metrics);
  std::exception_ptr failure;
  {
    queue::LockingQueue queue(*session);
    feed::QueueFeedOptions feed_options;
    feed_options.capacity = static_cast<std::size_t>(settings.integer("queue-capacity"));
    feed::QueueFeed feed(*loop, *session, queue, *store, metrics, feed_options);
    events::EventEndpoints event_endpoints(hub, *store, authentication, metrics,
                                           event_options(settings));
    logs::LogOptions log_options;
    log_options.limit = settings.integer("job-log-limit");
    logs::LogEndpoint log_endpoint(*store, event_endpoints, metrics, log_options);
    const ServiceParts parts{*store, authentication, hasher,          limits,      metrics,
                             feed,   *types,         event_endpoints, log_endpoint};
    const auto service = make_service(parts, std::move(service_options));
    Retention retention(*store, metrics, settings.duration("job-retention"));
    runtime::TaskGroup tasks(loop->get_executor());
    auto handler = [answering = service.get()](http::Request request) {
      return answering->answer(std::move(request));
    };
    auto observer = [&requests](const std::string& method, int status, double seconds) {
      requests.observe(method, status, seconds);
    };
    try {
      bool listening = true;
      auto ready = [&listening, &store] {
        return listening ? store->write_trouble() : std::string("stopping");
      };
      http::Listener listener(*loop, options, handler, observer);
      const auto status = program::start_status_server(*loop, settings, metrics, ready);
      feed.start();
      tasks.spawn(sweep_sessions(store.get(), &stop.requested()));
      retention.start(tasks, stop.requested());
      announce(settings, options, listener.port());
      co_await stop.requested().wait();
      telemetry::info("stopping");
      listening = false;
      co_await listener.stop(drain_grace);
      if (status) co_await status->stop();
    } catch (...) {
      failure = std::current_exception();
      stop.request();
    }
    feed.ask_to_stop();
    co_await session->close();
    co_await feed.joined();
    co_await tasks.join();
  }
  if (failure) std::rethrow_exception(failure);
}

// Writes beyond a limit of files' sizes are refused as those to a full disk, instead of ending the
// program.
void refuse_writes_beyond_limits() {
  std::signal(SIGXFSZ, SIG_IGN);
}

// Memory in large pieces (19 MiB for each password that is checked, long answers) goes back to the
// system at once. By itself glibc would keep it after the first of them.
void give_back_large_memory() {
  constexpr int large = 1024 * 1024;
  mallopt(M_MMAP_THRESHOLD, large);
}

int run(const Settings& settings) {
  give_back_large_memory();
  refuse_writes_beyond_limits();
  // These complain before anything is opened.
  auto options = listener_options(settings);
  program::expect_duration(settings, "session-lifetime", "1s", "3650d");
  program::expect_duration(settings, "event-heartbeat", "100ms", "10m");
  if (settings.duration("job-retention").count() != 0) {
    program::expect_duration(settings, "job-retention", "1s", "3650d");
  }
  const auto types = cimi::read_generic_types(settings.list("resources"));
  auto zookeeper_options = program::session_options(settings);
  runtime::EventLoop loop;
  try {
    loop.run(serve(&loop.context(), &settings, std::move(options), &types,
                   std::move(zookeeper_options)));
  } catch (const store::StoreUnavailable& failure) {
    throw runtime::Failure("cannot use database " + settings.text("database") + ": " +
                           failure.what());
  }
  return program::exit_ok;
}

}  // namespace
}  // namespace jobengine::api

int main(int argc, char** argv) {
  return jobengine::program::run(jobengine::api::declaration(), argc, argv, jobengine::api::run);
}
