// job-executor: options, plugins, login, and then either the queue or one job.
#include <sys/prctl.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/program/program.hpp"
#include "common/program/session_report.hpp"
#include "common/runtime/backoff.hpp"
#include "common/runtime/event_loop.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"
#include "executor/executor.hpp"
#include "executor/executor_options.hpp"
#include "executor/hosts/orphans.hpp"
#include "executor/left_behind.hpp"
#include "executor/plugins/catalog_keeper.hpp"
#include "executor/pull_mode.hpp"
#include "executor/state_directory.hpp"

namespace {

using namespace jobengine;
using namespace jobengine::executor;
using configuration::Settings;

// An executor that starts waits so long for the end of its predecessor's session, which has at most
// its timeout to live anyway.
constexpr auto takeover_patience = std::chrono::seconds(10);

std::string who_logs_in(const cimi::ClientOptions& options) {
  if (!options.api_key.empty()) return "API key " + options.api_key;
  if (!options.user.empty()) return "user " + options.user;
  return "the configured identity";
}

// Waits for an API that does not answer yet; false when a stop came first. Throws Failure when the
// login is refused: no waiting mends that.
awaitable<bool> log_in_patiently(cimi::Client& client, const cimi::ClientOptions& options,
                                 bool only_once, runtime::StopSignal& stop) {
  runtime::BackoffLimits pacing;
  pacing.first = std::chrono::milliseconds(250);
  pacing.longest = std::chrono::seconds(10);
  runtime::Backoff pace(pacing);
  while (!stop.requested().raised()) {
    const cimi::Reply reply = co_await cimi::log_in(client);
    if (reply.ok()) co_return true;
    const bool hopeless =
        reply.kind == cimi::ReplyKind::Refused || reply.kind == cimi::ReplyKind::Invalid;
    if (hopeless) {
      throw runtime::Failure("the API at " + options.url + " refuses the login of " +
                             who_logs_in(options) + ": " + reply.message);
    }
    telemetry::warning("cannot log in yet", {{"api", options.url}, {"error", reply.message}});
    if (only_once) co_return false;
    co_await stop.requested().wait_for(pace.next());
  }
  co_return false;
}

void log_catalog(const Catalog& catalog) {
  std::string names;
  for (const std::string& name : catalog.names()) names += (names.empty() ? "" : " ") + name;
  telemetry::info("actions", {{"count", catalog.size()}, {"names", names}});
}

// A name that has no effect is a typing error, more often than not.
void check_shared_actions(const SharedActions& shared, const Catalog& catalog) {
  for (const std::string& name : shared.names()) {
    const auto entry = catalog.find(name);
    if (entry == nullptr || entry->manifest.name != name) {
      telemetry::warning("--shared-actions names an action that is not there", {{"action", name}});
    } else if (entry->manifest.isolation != Isolation::Shared) {
      telemetry::warning("--shared-actions names an action that does not ask for it",
                         {{"action", name}});
    }
  }
}

// Manifests may hold what is no UTF-8.
std::string text_of(const nlohmann::json& document) {
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// All the parts of a running program, in the order in which they are made.
class Program {
 public:
  explicit Program(const Settings& settings)
      : settings_(settings),
        options_(executor_options(settings)),
        client_options_(program::client_options(settings)),
        pull_mode_(settings.given("job-id")),
        stop_(loop_.context()),
        hang_up_(loop_.context()),
        background_(loop_.context().get_executor()) {
    if (pull_mode_) return;
    // Complains now and not only after the login.
    session_options_ = program::session_options(settings);
    if (settings.given("state-dir")) {
      state_directory_.emplace(settings.text("state-dir"));
      journal_.emplace(loop_.context(), state_directory_->journal_path());
      options_.host_command.environment.push_back(std::string(run_mark_variable) + "=" +
                                                  state_directory_->mark());
    }
    hang_up_.add(SIGHUP);
    await_hang_up();
  }

  int run() {
    loop_.run(story());
    return exit_code_;
  }

 private:
  awaitable<void> story();
  awaitable<void> work();
  awaitable<void> find_actions();
  awaitable<void> work_from_queue();
  awaitable<void> take_over();
  void await_hang_up();
  std::string not_ready_because() const {
    return executor_ ? executor_->not_ready_because() : "starting";
  }

  const Settings& settings_;
  ExecutorOptions options_;
  cimi::ClientOptions client_options_;
  zookeeper::SessionOptions session_options_;
  bool pull_mode_;
  int exit_code_ = program::exit_ok;

  runtime::EventLoop loop_;
  runtime::StopSignal stop_;
  telemetry::Metrics metrics_;
  std::unique_ptr<telemetry::StatusServer> status_server_;
  std::unique_ptr<cimi::Client> client_;
  std::optional<WatchedClient> watched_client_;
  asio::signal_set hang_up_;
  std::optional<EditionStore> editions_;
  std::optional<CatalogKeeper> actions_;
  std::optional<StateDirectory> state_directory_;
  std::optional<OutcomeJournal> journal_;
  std::optional<Executor> executor_;
  runtime::Event ending_;
  runtime::TaskGroup background_;
};

awaitable<void> Program::story() {
  auto ready = [this] { return not_ready_because(); };
  status_server_ =
      program::start_status_server(loop_.context(), settings_, metrics_, std::move(ready));
  std::exception_ptr failure;
  try {
    co_await work();
  } catch (...) {
    failure = std::current_exception();
  }
  if (status_server_) co_await status_server_->stop();
  status_server_.reset();
  ending_.raise();
  boost::system::error_code ignored;
  hang_up_.cancel(ignored);
  co_await background_.join();
  client_.reset();
  if (failure) std::rethrow_exception(failure);
}

void Program::await_hang_up() {
  hang_up_.async_wait([this](const boost::system::error_code& cancelled, int /*number*/) {
    if (cancelled) return;
    if (actions_) actions_->look_again();
    await_hang_up();
  });
}

// Private copies let new editions come while jobs run; who runs one job needs none.
awaitable<void> Program::find_actions() {
  CatalogKeeperOptions options;
  options.host_command = options_.host_command;
  options.directories = action_directories(settings_);
  options.rules.labels = executor_labels(settings_);
  options.rules.pull_mode_only = is_lite_image();
  if (!pull_mode_) {
    try {
      editions_.emplace();
    } catch (const runtime::Failure& failure) {
      telemetry::warning("changed actions are taken up only by a restart",
                         {{"error", failure.what()}});
    }
  }
  actions_.emplace(loop_.context(), std::move(options), editions_ ? &*editions_ : nullptr);
  co_await actions_->start();
  actions_->on_change = [this] {
    log_catalog(actions_->catalog());
    if (executor_) executor_->follow_catalog();
  };
  if (editions_) background_.spawn(actions_->follow(ending_));
  if (status_server_) {
    status_server_->add_page("/actions", [this] { return text_of(actions_->report()); });
  }
}

awaitable<void> Program::work() {
  co_await find_actions();
  const Catalog& catalog = actions_->catalog();
  log_catalog(catalog);
  check_shared_actions(options_.shared_actions, catalog);
  if (!pull_mode_ && catalog.size() == 0) {
    throw configuration::UsageError(
        "there are no actions to run: every job taken would fail; --actions-dir says where the "
        "plugins are");
  }

  client_ = cimi::make_http_client(loop_.context(), client_options_);
  watched_client_.emplace(*client_);
  const bool logged_in = co_await log_in_patiently(*client_, client_options_, pull_mode_, stop_);
  if (pull_mode_ && !logged_in) {
    exit_code_ = exit_job_not_run;
  } else if (pull_mode_) {
    std::string job_id = settings_.text("job-id");
    HostCommand host_command = options_.host_command;
    HostPoolLimits host_limits;
    host_limits.shared_actions = options_.shared_actions;
    LogOptions log_options = options_.logs;
    exit_code_ =
        co_await run_one_job(loop_.context(), *watched_client_, catalog, std::move(host_command),
                             std::move(host_limits), options_.limits, std::move(log_options),
                             metrics_, std::move(job_id), options_.drain_timeout, stop_);
  } else if (logged_in) {
    co_await work_from_queue();
  }
}

awaitable<void> Program::work_from_queue() {
  co_await take_over();
  zookeeper::SessionOptions session_options = session_options_;
  const auto session = zookeeper::make_session(loop_.context(), std::move(session_options));
  const auto noting = session->subscribe([&](zookeeper::SessionState state, zookeeper::Epoch) {
    if (state_directory_ && state == zookeeper::SessionState::Connected) {
      state_directory_->note_session(session->credentials());
    }
  });
  const program::SessionReport session_report(*session, metrics_);
  queue::LockingQueue queue(*session);
  ExecutorMetrics metrics(metrics_, options_.slots);
  executor_.emplace(loop_.context(), *session, queue, *watched_client_, actions_->catalog(),
                    metrics, journal_ ? &*journal_ : nullptr, options_);
  telemetry::info("executor started", {{"slots", options_.slots}, {"taker", queue.taker_id()}});
  co_await executor_->run(stop_);
  executor_.reset();
  // It was closed at the server: nobody has to do that for us.
  if (state_directory_) state_directory_->note_session({});
  telemetry::info("executor stopped");
}

// What an executor that was here before has left in its state directory.
awaitable<void> Program::take_over() {
  if (!state_directory_ || !state_directory_->predecessor()) co_return;
  Predecessor predecessor = *state_directory_->predecessor();
  zookeeper::SessionOptions servers = session_options_;
  const auto deadline = runtime::Clock::now() +
                        std::min<runtime::Duration>(session_options_.timeout, takeover_patience);
  co_await bury(loop_.context(), std::move(predecessor), std::move(servers), deadline);
}

}  // namespace

int main(int argc, char** argv) {
  return program::run(program_declaration(), argc, argv, [](const Settings& settings) {
    // Actions of the same user cannot look into this process for its secrets, nor trace it.
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    adopt_orphans();
    Program program(settings);
    return program.run();
  });
}
