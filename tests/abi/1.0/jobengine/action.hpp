// Writing an action in C++: derive from Action, implement run(), end the file with
// JE_EXPORT_ACTION(YourAction), and compile it into a shared object (CMake: je_action()). Header
// only; needs the standard library and nlohmann_json.
//
// This is a layer over <jobengine/plugin_abi.h>, compiled into the plugin: nothing of C++ crosses
// the boundary to the engine, and whatever an action throws becomes the job's failure.
#pragma once

#include <cxxabi.h>
#include <jobengine/plugin_abi.h>
#include <jobengine/api.hpp>
#include <jobengine/payload.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

namespace jobengine {

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

  // ---- the resource API, as the executor. Any thread.
  Api api() const { return Api(*host_, *job_); }

  // ---- how it ends. Only from the thread of run(); the last call counts.
  // `return job.fail("no such image");` The job becomes FAILED with this message (or, in mixed
  // mode, goes back to be run in pull mode). Returns 1.
  int fail(std::string_view message) {
    host_->set_outcome(job_, JE_OUTCOME_FAILED, detail::borrow(message));
    return 1;
  }
  // `return job.left_running();` The job leaves the queue but stays RUNNING: somebody else, such as
  // a monitoring job, will finish it. Returns 0.
  int left_running() {
    host_->set_outcome(job_, JE_OUTCOME_LEFT_RUNNING, je_string{nullptr, 0});
    return 0;
  }

 private:
  static std::string owned(je_string text) { return std::string(detail::view(text)); }

  const je_host* host_;
  je_job* job_;
};

// What a job of this name does. One object runs many jobs, one after the other: keep nothing of one
// job in it.
class Action {
 public:
  Action() = default;
  Action(const Action&) = delete;
  Action& operator=(const Action&) = delete;
  virtual ~Action() = default;

  // The job's `action`: letters, digits, '-' and '_'. A '*' at the end makes it every action that
  // begins so and that no other plugin has by its name; which of them is in document()["action"].
  virtual std::string name() const = 0;
  // One sentence for operators.
  virtual std::string description() const = 0;
  // Whether it may run in pull mode: on an edge, without a queue.
  virtual bool pull_mode() const { return false; }
  // Does the job. 0: SUCCESS; anything else, 0 or more: FAILED with that return code. An exception:
  // FAILED with
  // "<class of the exception>: <its text>" as the message.
  virtual int run(Job& job) = 0;
};

namespace detail {

inline std::string demangled(const std::type_info& type) {
  int result = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &result), &std::free);
  return result == 0 ? name.get() : type.name();
}

// Inside a catch block only.
inline std::string describe_current_exception() {
  try {
    throw;
  } catch (const std::exception& error) {
    return demangled(typeid(error)) + ": " + error.what();
  } catch (const char* text) {
    return std::string("const char*: ") + text;
  } catch (const std::string& text) {
    return "std::string: " + text;
  } catch (...) {
    return demangled(*abi::__cxa_current_exception_type()) + ": thrown, and no std::exception";
  }
}

// The border: nothing is thrown beyond it.
inline int32_t run_action(Action& action, const je_host& host, je_job& job) noexcept {
  try {
    Job handle(host, job);
    return action.run(handle);
  } catch (...) {
    try {
      const std::string message = describe_current_exception();
      host.set_outcome(&job, JE_OUTCOME_FAILED, borrow(message));
    } catch (...) {
      host.set_outcome(&job, JE_OUTCOME_FAILED,
                       borrow("the action failed, and there was no memory to say why"));
    }
    return 1;
  }
}

// An action and its manifest, as the `state` of a je_action.
struct ExportedAction {
  explicit ExportedAction(std::unique_ptr<Action> made) : action(std::move(made)) {
    manifest = nlohmann::json{{"name", action->name()},
                              {"description", action->description()},
                              {"pull-mode", action->pull_mode()}}
                   .dump();
  }

  static int32_t run(void* state, const je_host* host, je_job* job) noexcept {
    return run_action(*static_cast<ExportedAction*>(state)->action, *host, *job);
  }
  static void destroy(void* state) noexcept { delete static_cast<ExportedAction*>(state); }

  std::unique_ptr<Action> action;
  std::string manifest;
};

template <class... Actions>
struct ExportedPlugin {
  static uint32_t action_count() noexcept { return sizeof...(Actions); }

  static int32_t create_action(uint32_t index, je_action* out, je_string* error) noexcept {
    using Maker = std::unique_ptr<Action> (*)();
    static constexpr Maker makers[] = {
        +[]() -> std::unique_ptr<Action> { return std::make_unique<Actions>(); }...};
    static std::string reason;  // must outlive the call
    try {
      if (index >= sizeof...(Actions))
        throw std::out_of_range("there is no action with this index");
      if (out->struct_size < sizeof(je_action))
        throw std::runtime_error("the engine is older than this plugin");
      auto exported = std::make_unique<ExportedAction>(makers[index]());
      out->manifest = borrow(exported->manifest);
      out->run = &ExportedAction::run;
      out->destroy = &ExportedAction::destroy;
      out->state = exported.release();
      return 0;
    } catch (...) {
      try {
        reason = describe_current_exception();
        *error = borrow(reason);
      } catch (...) {
        *error = borrow("out of memory");
      }
      return 1;
    }
  }
};

}  // namespace detail
}  // namespace jobengine

// Once in a plugin, outside any namespace: the actions it offers.
#define JE_EXPORT_ACTIONS(...)                                                \
  extern "C" {                                                                \
  extern __attribute__((visibility("default"))) const je_plugin je_plugin_v1; \
  const je_plugin je_plugin_v1 = {                                            \
      sizeof(je_plugin), JE_ABI_MAJOR, JE_ABI_MINOR,                          \
      &::jobengine::detail::ExportedPlugin<__VA_ARGS__>::action_count,        \
      &::jobengine::detail::ExportedPlugin<__VA_ARGS__>::create_action};      \
  }                                                                           \
  static_assert(true, "takes the semicolon")

// For the usual plugin with one action.
#define JE_EXPORT_ACTION(ActionClass) JE_EXPORT_ACTIONS(ActionClass)
