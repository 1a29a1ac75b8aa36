// job-distributor: decides which jobs exist, and keeps the queue in step with the store.
#include "common/program/program.hpp"
#include "common/program/session_report.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/runtime/backoff.hpp"
#include "common/runtime/event_loop.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/stop_signal.hpp"
#include "common/telemetry/log.hpp"
#include "common/telemetry/statsd.hpp"
#include "distributor/configured_distribution.hpp"
#include "distributor/distribution_settings.hpp"
#include "distributor/distributor.hpp"
#include "distributor/interruptible.hpp"
#include "distributor/queue_keeper.hpp"

namespace {

using namespace jobengine;
using configuration::OptionDeclaration;
using configuration::OptionKind;
using configuration::Settings;

program::OptionList own_options() {
  OptionDeclaration exclude;
  exclude.name = "distribution-exclude";
  exclude.kind = OptionKind::TextList;
  exclude.help = "distributions not to run here";
  exclude.placeholder = "NAME";
  OptionDeclaration interval;
  interval.name = "distribution-interval";
  interval.kind = OptionKind::TextList;
  interval.help = "run a distribution every so many seconds, whatever it is configured with";
  interval.placeholder = "NAME:SECONDS";
  OptionDeclaration capacity;
  capacity.name = "queue-capacity";
  capacity.kind = OptionKind::Integer;
  capacity.default_text = "10000";
  capacity.least = 1;
  capacity.most = 10'000'000;
  capacity.help =
      "entries the queue keeper fills the queue up to; what is beyond waits in the store";
  capacity.placeholder = "N";
  OptionDeclaration statsd;
  statsd.name = "statsd";
  statsd.help = "send gauges job_distribution.<name>.<what> there, port 8125 by default";
  statsd.placeholder = "HOST[:PORT]";
  OptionDeclaration distributions;
  distributions.name = "distributions";
  distributions.kind = OptionKind::Document;
  distributions.help = "what is created when, and built-in distributions changed or disabled";
  return {exclude, interval, capacity, statsd, distributions};
}

configuration::ProgramDeclaration declaration() {
  configuration::ProgramDeclaration result;
  result.name = "job-distributor";
  result.description =
      "Creates the jobs that schedules ask for and keeps the queue in step with the stored jobs. "
      "Any number may run: for each distribution one of them leads.";
  using program::operator+;
  result.options = own_options() + program::zookeeper_options() + program::api_options() +
                   program::telemetry_options() + program::logging_options();
  result.footer =
      "Built-in distributions: cleanup_jobs (24h), monitor_bulk_job (30s), queue_keeper (15s).\n"
      "Exit codes: 0 stopped by SIGTERM or SIGINT, 1 the environment (login refused, port in use), "
      "2 wrong use or configuration.";
  return result;
}

distributor::DistributorSettings distributions_of(const Settings& settings) {
  distributor::DistributionChoices choices;
  choices.exclude = settings.list("distribution-exclude");
  choices.intervals = settings.list("distribution-interval");
  return distributor::read_distributions(settings.document("distributions"), choices);
}

telemetry::Statsd statsd_of(asio::io_context& loop, const Settings& settings) {
  try {
    return telemetry::Statsd(loop, settings.text("statsd"));
  } catch (const runtime::Failure& failure) {
    throw configuration::UsageError(failure.what());
  }
}

// The API may start later than we do; only a refusal ends the program.
awaitable<void> log_in_patiently(cimi::Client& client, runtime::Event& stop) {
  runtime::Backoff backoff{runtime::BackoffLimits{}};
  while (!stop.raised()) {
    auto login = cimi::log_in(client);
    const auto reply = co_await distributor::unless(stop, std::move(login));
    if (!reply || reply->ok()) co_return;
    const bool hopeless =
        reply->kind == cimi::ReplyKind::Refused || reply->kind == cimi::ReplyKind::Invalid;
    if (hopeless) throw runtime::Failure("the API refuses the login: " + reply->message);
    telemetry::warning("login failed, will be repeated", {{"error", reply->message}});
    const auto delay = backoff.next();
    co_await runtime::pause(delay, stop);
  }
}

// Our own timeout stands for the executors': they are mostly configured alike.
void warn_of_short_grace(distributor::Span grace, const Settings& settings) {
  const auto timeout = settings.duration("zk-session-timeout");
  if (grace >= timeout) return;
  telemetry::warning(
      "the queue keeper's grace is shorter than the session timeout: after a loss of ZooKeeper's "
      "data it may push a job that an executor still runs",
      {{"grace-ms", grace.count()}, {"session-timeout-ms", timeout.count()}});
}

// Everything the program consists of, in the order in which it depends on each other.
class Program {
 public:
  Program(asio::io_context& loop, const Settings& settings)
      : wanted_(distributions_of(settings)),
        stop_(loop),
        statsd_(statsd_of(loop, settings)),
        client_(cimi::make_http_client(loop, program::client_options(settings))),
        session_(zookeeper::make_session(loop, program::session_options(settings))),
        session_report_(*session_, metrics_),
        queue_(*session_),
        distributor_(*session_, metrics_, statsd_, program::instance_name(settings)),
        status_(program::start_status_server(loop, settings, metrics_,
                                             [this] { return readiness(); })) {
    using namespace distributor;
    for (DistributionSettings& one : wanted_.distributions) {
      DistributionMetrics& metrics = distributor_.metrics_for(one.name);
      distributor_.add(std::make_unique<ConfiguredDistribution>(std::move(one), *client_, metrics));
    }
    if (!wanted_.keeper) return;
    warn_of_short_grace(wanted_.keeper->grace, settings);
    KeeperOptions keeper{wanted_.keeper->schedule, repair::RepairLimits{}};
    keeper.limits.grace = wanted_.keeper->grace;
    keeper.limits.settle = std::min(keeper.limits.settle, keeper.limits.grace);
    keeper.limits.capacity = static_cast<std::size_t>(settings.integer("queue-capacity"));
    DistributionMetrics& metrics = distributor_.metrics_for(keeper_name);
    distributor_.add(
        std::make_unique<QueueKeeper>(std::move(keeper), *client_, queue_, metrics_, metrics));
  }

  awaitable<void> run() {
    std::exception_ptr failure;
    try {
      co_await log_in_patiently(*client_, stop_.requested());
      logged_in_ = true;
      co_await distributor_.run(stop_.requested());
    } catch (...) {
      failure = std::current_exception();
    }
    telemetry::info("stopping");
    if (status_) co_await status_->stop();
    co_await session_->close();
    if (failure) std::rethrow_exception(failure);
  }

 private:
  std::string readiness() const {
    if (!logged_in_) return "not logged in to the API yet";
    const bool connected = session_->state() == zookeeper::SessionState::Connected;
    return connected ? std::string() : std::string("no connection to ZooKeeper");
  }

  distributor::DistributorSettings wanted_;
  runtime::StopSignal stop_;
  bool logged_in_ = false;
  telemetry::Metrics metrics_;
  telemetry::Statsd statsd_;
  std::unique_ptr<cimi::Client> client_;
  std::unique_ptr<zookeeper::Session> session_;
  program::SessionReport session_report_;
  queue::LockingQueue queue_;
  distributor::Distributor distributor_;
  std::unique_ptr<telemetry::StatusServer> status_;
};

int distribute(const Settings& settings) {
  runtime::EventLoop loop;
  Program body(loop.context(), settings);
  loop.run(body.run());
  return program::exit_ok;
}

}  // namespace

int main(int argc, char** argv) {
  return jobengine::program::run(declaration(), argc, argv, distribute);
}
