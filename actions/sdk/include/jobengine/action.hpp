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
#include <jobengine/job.hpp>
#include <jobengine/manifest.hpp>
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
  // Everything the engine wants to know; overridden to say more than the three above:
  //   auto manifest = Action::manifest();
  //   manifest.timeout = std::chrono::minutes(10);
  //   return manifest;
  virtual Manifest manifest() const {
    Manifest made;
    made.name = name();
    made.description = description();
    made.pull_mode = pull_mode();
    return made;
  }
  // Does the job. 0: SUCCESS; more than 0: FAILED with that return code. An exception: FAILED with
  // "<class of the exception>: <its text>" as the message. Other ends: Job::fail() and what follows
  // it.
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
    manifest = action->manifest().document().dump();
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
