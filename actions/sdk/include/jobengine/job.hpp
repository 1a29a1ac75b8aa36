// One run of one job, as its action sees it. Part of <jobengine/action.hpp>.
#pragma once

#include <jobengine/plugin_abi.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <jobengine/api.hpp>
#include <jobengine/payload.hpp>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace jobengine {

// The checkpoint was not kept; the text says why.
class CheckpointError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A job to be added as a child of the one that runs.
struct NestedJob {
  std::string action = {};
  std::string target = {};           // href of its target resource; empty: none
  nlohmann::json payload = nullptr;  // null: none
  std::string name = {};             // empty: none
  std::optional<int> priority = {};  // 0 to 999, lower first; none: the API's default
  std::string execution_mode = {};   // "push", "pull", "mixed"; empty: the API's default, push
  // {"owners": ["group/nuvla-admin"], "view-acl": ["user/jane"]}; null: only the executor sees it.
  nlohmann::json acl = nullptr;
};

namespace detail {

// Turns the descriptor that becomes readable into a standard stop source.
class StopWatch {
 public:
  explicit StopWatch(int descriptor) : ended_(::eventfd(0, EFD_CLOEXEC)) {
    if (ended_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    thread_ = std::thread([this, descriptor] { watch(descriptor); });
  }
  ~StopWatch() {
    const uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(ended_, &one, sizeof one);
    thread_.join();
    ::close(ended_);
  }
  StopWatch(const StopWatch&) = delete;
  StopWatch& operator=(const StopWatch&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  void watch(int descriptor) {
    std::array<pollfd, 2> watched{pollfd{descriptor, POLLIN, 0}, pollfd{ended_, POLLIN, 0}};
    while (::poll(watched.data(), watched.size(), -1) < 0 && errno == EINTR) {
    }
    if (watched[0].revents != 0) source_.request_stop();
  }

  int ended_;
  std::stop_source source_;
  std::thread thread_;
};

// One term of the nuvla-authn-info header. The header separates its terms by white space and ends
// with its line: a claim with either in it would be more than the one it is.
inline std::string identity_term(const nlohmann::json& value, const std::string& what) {
  const std::string* text = value.get_ptr<const std::string*>();
  const auto printable = [](char c) { return c > ' ' && c < '\x7f'; };
  if (text == nullptr || text->empty() || !std::all_of(text->begin(), text->end(), printable)) {
    throw PayloadError("payload key \"authn-info\": " + what +
                       " must be a text without white space, like \"user/jane\"");
  }
  return *text;
}

// The value of the nuvla-authn-info header that stands for the payload's "authn-info".
inline std::string identity_of(const nlohmann::json& payload) {
  const auto found = payload.is_object() ? payload.find("authn-info") : payload.end();
  if (!payload.is_object() || found == payload.end()) {
    throw PayloadError("payload key \"authn-info\" is missing: it says on whose behalf to act");
  }
  if (!found->is_object()) {
    throw PayloadError(
        "payload key \"authn-info\" must be a map of \"user-id\", \"active-claim\" and \"claims\"");
  }
  std::string identity = identity_term(found->value("user-id", nlohmann::json()), "\"user-id\"");
  identity +=
      " " + identity_term(found->value("active-claim", nlohmann::json()), "\"active-claim\"");
  const auto claims = found->value("claims", nlohmann::json::array());
  if (!claims.is_array()) {
    throw PayloadError("payload key \"authn-info\": \"claims\" must be a list of texts");
  }
  for (const auto& claim : claims) identity += " " + identity_term(claim, "each of the claims");
  return identity;
}

}  // namespace detail

enum class LogLevel : int32_t {
  debug = JE_LOG_DEBUG,
  info = JE_LOG_INFO,
  warning = JE_LOG_WARNING,
  error = JE_LOG_ERROR
};

// One run of one job, seen by its action. Exists during run() only. What is marked "any thread" may
// be called from threads the action started, as long as they end before run() does.
class Job {
 public:
  Job(const je_host& host, je_job& job) : host_(&host), job_(&job) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // ---- what is to be done
  std::string id() const { return owned(host_->job_id(job_)); }          // "job/<uuid>"
  std::string action() const { return owned(host_->job_action(job_)); }  // the action's name
  std::string target() const {
    return owned(host_->job_target(job_));
  }  // href of the target resource, or empty
  // The payload, parsed; an empty object when the job has none. Throws PayloadError when it is no
  // JSON.
  nlohmann::json payload() const {
    const auto text = detail::view(host_->job_payload(job_));
    if (text.empty()) return nlohmann::json::object();
    try {
      return nlohmann::json::parse(text);
    } catch (const nlohmann::json::parse_error& error) {
      throw PayloadError(std::string("payload is no JSON: ") + error.what());
    }
  }
  // The whole job as it was when it was taken.
  nlohmann::json document() const {
    return nlohmann::json::parse(detail::view(host_->job_document(job_)));
  }
  // 1 when the job was taken for the first time.
  int attempt() const { return host_->job_attempt(job_); }
  // True when an earlier attempt was under way and did not end cleanly: continue or clean up after
  // it.
  bool resumed() const { return host_->job_resumed(job_) != 0; }

  // ---- a checkpoint: a little JSON that this job keeps from one attempt to the next.
  // What was saved last by an earlier attempt; nothing on an engine older than 1.1.
  std::optional<nlohmann::json> checkpoint() const {
    if (!has(&je_host::load_checkpoint)) return std::nullopt;
    const auto text = detail::view(host_->load_checkpoint(job_));
    if (text.empty()) return std::nullopt;
    return nlohmann::json::parse(text);
  }
  // Returns when it is kept: the next attempt, on whatever executor, will have it. At most 256 KiB
  // of JSON. Throws CheckpointError when it is not kept. Any thread; costs a round trip or two, so
  // save what is worth it and not every item. In pull mode nothing keeps it.
  void save_checkpoint(const nlohmann::json& state) {
    if (!has(&je_host::save_checkpoint)) {
      throw CheckpointError("checkpoint not saved: this engine is older than plugin ABI 1.1");
    }
    const std::string text = dumped(state);
    je_string why{nullptr, 0};
    if (host_->save_checkpoint(job_, detail::borrow(text), &why) != 0) {
      throw CheckpointError("checkpoint not saved: " + owned(why));
    }
  }

  // ---- talking about it. Any thread; never blocks.
  void progress(int percent) { host_->set_progress(job_, percent); }
  void status(std::string_view message) { host_->set_status(job_, detail::borrow(message)); }
  void add_affected_resource(std::string_view href) {
    host_->add_affected_resource(job_, detail::borrow(href));
  }
  void log(LogLevel level, std::string_view line) {
    host_->log(job_, static_cast<int32_t>(level), detail::borrow(line));
  }
  void log(std::string_view line) { log(LogLevel::info, line); }

  // ---- being asked to stop (the job was cancelled, the executor shuts down or lost its lease).
  // Any thread. An action that is asked to stop should clean up and return soon; it is killed if it
  // does not.
  bool stop_requested() const { return host_->stop_requested(job_) != 0; }
  // Sleeps at most so long; true at once when a stop is requested.
  bool wait_for_stop(std::chrono::milliseconds time) const {
    return host_->wait_for_stop(job_, time.count()) != 0;
  }
  // Becomes readable when a stop is requested; for poll(). Neither read nor close it.
  int stop_descriptor() const { return host_->stop_descriptor(job_); }

  // A standard stop token, for what takes one (std::condition_variable_any, std::jthread). Costs a
  // thread, from the first call to the end of the run.
  std::stop_token stop_token() {
    const std::lock_guard lock(stop_mutex_);
    if (!stop_watch_) stop_watch_ = std::make_unique<detail::StopWatch>(stop_descriptor());
    return stop_watch_->token();
  }

  // ---- the resource API. Any thread.
  // As the executor.
  Api api() const { return Api(*host_, *job_); }
  // As the user who asked for this job: the payload's "authn-info", {"user-id", "active-claim",
  // "claims": […]}, as platforms put it there. Throws PayloadError when there is none.
  Api api_as_user() const { return api().as(detail::identity_of(payload())); }

  // ---- jobs of this job: its children, with this job as parent-job.
  // Returns the child's id. Throws ApiError.
  std::string add_nested_job(const NestedJob& nested) const {
    nlohmann::json document = {{"action", nested.action}, {"parent-job", id()}};
    if (!nested.target.empty()) document["target-resource"] = {{"href", nested.target}};
    if (!nested.payload.is_null()) document["payload"] = nested.payload.dump();
    if (!nested.name.empty()) document["name"] = nested.name;
    if (nested.priority) document["priority"] = *nested.priority;
    if (!nested.execution_mode.empty()) document["execution-mode"] = nested.execution_mode;
    if (!nested.acl.is_null()) document["acl"] = nested.acl;
    return api().add("job", document);
  }
  // How many of its children there are in these states; all of them when none is named.
  int64_t count_nested_jobs(const std::vector<std::string>& states = {}) const {
    return api().count("job", nested_filter(states));
  }
  // Those in these states, the oldest first, with id, action, state, return-code, status-message,
  // progress and target-resource, each as far as it has them. At most 10 000, the API's limit.
  std::vector<nlohmann::json> nested_jobs(const std::vector<std::string>& states = {}) const {
    Search search;
    search.filter = nested_filter(states);
    search.select = "id, action, state, return-code, status-message, progress, target-resource";
    search.orderby = "created:asc";
    const auto found = api().search("job", search);
    return found.value("resources", std::vector<nlohmann::json>());
  }
  // Waits until none of its children is QUEUED or RUNNING any more, looking every `pause`; false
  // when a stop was requested first. A job that waits keeps its slot: for many children, or long
  // ones, `return job.left_running()` and let a monitoring job finish it.
  bool wait_for_nested_jobs(std::chrono::milliseconds pause = std::chrono::seconds(2)) const {
    while (count_nested_jobs({"QUEUED", "RUNNING"}) > 0) {
      if (wait_for_stop(pause)) return false;
    }
    return true;
  }

  // ---- how it ends. Only from the thread of run(); the last call counts.
  // `return job.fail("no such image");` The job becomes FAILED with this message (or, in mixed
  // mode, goes back to be run in pull mode). Returns 1.
  int fail(std::string_view message) {
    host_->set_outcome(job_, JE_OUTCOME_FAILED, detail::borrow(message));
    return 1;
  }
  // `return job.retry_later("the registry is busy");` The job goes back to the queue and is run
  // again after a growing delay, but not before `delay`, as often as the manifest's retry policy
  // allows; then it is FAILED with the message. On an engine older than 1.1 it is FAILED at once.
  int retry_later(std::string_view message,
                  std::chrono::milliseconds delay = std::chrono::milliseconds(0)) {
    if (!has(&je_host::set_retry_delay)) return fail(message);
    host_->set_retry_delay(job_, delay.count());
    host_->set_outcome(job_, JE_OUTCOME_RETRY_LATER, detail::borrow(message));
    return 1;
  }
  // `return job.skip("it is installed already");` There was nothing to do: SUCCESS, with "Skipped:"
  // and the message as the status message. Returns 0.
  int skip(std::string_view message) {
    if (has(&je_host::set_retry_delay)) {
      host_->set_outcome(job_, JE_OUTCOME_SKIPPED, detail::borrow(message));
    } else {
      status("Skipped: " + std::string(message));
    }
    return 0;
  }
  // `return job.left_running();` The job leaves the queue but stays RUNNING: somebody else, such as
  // a monitoring job, will finish it. Returns 0.
  int left_running() {
    host_->set_outcome(job_, JE_OUTCOME_LEFT_RUNNING, je_string{nullptr, 0});
    return 0;
  }

 private:
  static std::string owned(je_string text) { return std::string(detail::view(text)); }
  static std::string dumped(const nlohmann::json& state) {
    try {
      return state.dump();
    } catch (const nlohmann::json::type_error& error) {
      throw CheckpointError(std::string("checkpoint not saved: ") + error.what());
    }
  }
  // A list of states, not an "or": the API has an index for it.
  std::string nested_filter(const std::vector<std::string>& states) const {
    std::string filter = "parent-job='" + id() + "'";
    std::string list;
    for (const auto& state : states) list += (list.empty() ? "'" : ", '") + state + "'";
    return list.empty() ? filter : filter + " and state=[" + list + "]";
  }
  // Whether the engine's table reaches beyond this member of it: it may be older than this header.
  template <class Member>
  bool has(Member je_host::* member) const {
    const auto* table = reinterpret_cast<const char*>(host_);
    const auto* place = reinterpret_cast<const char*>(&(host_->*member));
    return static_cast<std::size_t>(place - table) + sizeof(Member) <= host_->struct_size;
  }

  const je_host* host_;
  je_job* job_;
  std::mutex stop_mutex_;
  std::unique_ptr<detail::StopWatch> stop_watch_;
};

}  // namespace jobengine
