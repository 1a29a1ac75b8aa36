// Testing actions without an engine: FakeHost plays the engine's side of the plugin boundary in
// this process, records what an action says, and answers its API requests from a script.
//
//   jobengine::testing::FakeHost host({.payload = R"({"count": 3})"});
//   host.answer("GET", "deployment/1", 200, {{"state", "STARTED"}});
//   MyAction action;
//   const auto result = host.run(action);
//   assert(result.return_code == 0 && host.status() == "3 counted");
#pragma once

#include <dlfcn.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <jobengine/action.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace jobengine::testing {

// What the job is to look like.
struct FakeJob {
  std::string payload = {};
  std::string target = {};
  std::string action = "action_under_test";
  std::string id = "job/00000000-0000-0000-0000-000000000001";
  int attempt = 1;
  bool resumed = false;
  std::string checkpoint = {};  // JSON text an earlier attempt saved; empty: none
  // Of the engine that is played: 0 has none of what is "since 1.1".
  uint32_t abi_minor = JE_ABI_MINOR;
};

struct RunResult {
  int return_code = 0;
  je_outcome outcome = JE_OUTCOME_RETURN_CODE;
  std::string message;                       // of the outcome
  std::chrono::milliseconds retry_delay{0};  // with JE_OUTCOME_RETRY_LATER: what the action wants
};

struct RecordedRequest {
  std::string method;
  std::string path;
  std::string content_type;
  std::string body;
  std::string headers;
  std::string as_identity;
};

struct LogLine {
  LogLevel level;
  std::string text;
};

// All functions: any thread.
class FakeHost {
 public:
  explicit FakeHost(FakeJob job = {})
      : job_(std::move(job)), stop_descriptor_(::eventfd(0, EFD_CLOEXEC)) {
    document_ = nlohmann::json{{"id", job_.id}, {"action", job_.action}, {"state", "RUNNING"}};
    if (!job_.target.empty()) document_["target-resource"] = {{"href", job_.target}};
    if (!job_.payload.empty()) document_["payload"] = job_.payload;
    document_text_ = document_.dump();
    fill_table();
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;
  ~FakeHost() { ::close(stop_descriptor_); }

  // Runs the action through the same border as the engine does.
  RunResult run(Action& action) { return finished(detail::run_action(action, table_, handle())); }
  // An action of a loaded plugin.
  RunResult run(const je_action& action) {
    return finished(action.run(action.state, &table_, &handle()));
  }

  // Scripts an answer to one request of this method and path (without its query). Answers to equal
  // requests are given in the order they were scripted. A request nobody scripted is answered with
  // 404.
  void answer(std::string method, std::string path, int status, nlohmann::json body) {
    answer_text(std::move(method), std::move(path), status, body.dump());
  }
  void answer_text(std::string method, std::string path, int status, std::string body) {
    const std::lock_guard lock(mutex_);
    answers_.push_back({std::move(method), std::move(path), status, std::move(body)});
  }

  // From now on checkpoints are not kept, for this reason; empty: they are.
  void refuse_checkpoints(std::string reason) {
    const std::lock_guard lock(mutex_);
    checkpoint_refusal_ = std::move(reason);
  }

  // Asks the action to stop.
  void request_stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    const uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_descriptor_, &one, sizeof one);
    changed_.notify_all();
  }
  // Blocks until the action has said something (progress, status, log or a request) for which
  // `condition` holds; false when the limit passes.
  template <class Condition>
  bool wait_until(Condition condition, std::chrono::seconds limit = std::chrono::seconds(30)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition(*this)) {
      std::unique_lock lock(mutex_);
      const auto seen = events_;
      lock.unlock();
      if (condition(*this)) return true;
      lock.lock();
      if (!changed_.wait_until(lock, end, [&] { return events_ != seen; })) return false;
    }
    return true;
  }

  // ---- what the action did
  std::vector<int> progress_steps() const { return copy(progress_); }
  int progress() const { return last(progress_, 0); }
  std::vector<std::string> statuses() const { return copy(statuses_); }
  std::string status() const { return last(statuses_, std::string()); }
  std::vector<LogLine> logs() const { return copy(logs_); }
  std::vector<std::string> affected_resources() const { return copy(affected_); }
  std::vector<RecordedRequest> requests() const { return copy(requests_); }
  // Those that were kept, in order.
  std::vector<nlohmann::json> checkpoints() const { return copy(checkpoints_); }
  // Requests of this method and path.
  std::vector<RecordedRequest> requests(const std::string& method, const std::string& path) const {
    auto found = copy(requests_);
    std::erase_if(found, [&](const auto& request) {
      return request.method != method || request.path != path;
    });
    return found;
  }

 private:
  struct ScriptedAnswer {
    std::string method;
    std::string path;
    int status;
    std::string body;
  };

  // je_job is the host's own type: here it is the FakeHost itself.
  je_job& handle() { return *reinterpret_cast<je_job*>(this); }
  static FakeHost& of(je_job* job) { return *reinterpret_cast<FakeHost*>(job); }
  static const FakeHost& of(const je_job* job) { return *reinterpret_cast<const FakeHost*>(job); }

  template <class T>
  std::vector<T> copy(const std::vector<T>& list) const {
    const std::lock_guard lock(mutex_);
    return list;
  }
  template <class T>
  T last(const std::vector<T>& list, T otherwise) const {
    const std::lock_guard lock(mutex_);
    return list.empty() ? otherwise : list.back();
  }
  template <class T>
  void record(std::vector<T>& list, T what) {
    const std::lock_guard lock(mutex_);
    list.push_back(std::move(what));
    ++events_;
    changed_.notify_all();
  }

  RunResult finished(int32_t return_code) {
    RunResult result = std::exchange(result_, {});
    result.return_code = return_code;
    return result;
  }

  void fill_table() {
    table_ = {};
    table_.struct_size = job_.abi_minor == 0
                             ? static_cast<uint32_t>(offsetof(je_host, load_checkpoint))
                             : static_cast<uint32_t>(sizeof table_);
    table_.abi_major = JE_ABI_MAJOR;
    table_.abi_minor = job_.abi_minor;
    table_.job_id = [](const je_job* job) { return detail::borrow(of(job).job_.id); };
    table_.job_action = [](const je_job* job) { return detail::borrow(of(job).job_.action); };
    table_.job_target = [](const je_job* job) { return detail::borrow(of(job).job_.target); };
    table_.job_payload = [](const je_job* job) { return detail::borrow(of(job).job_.payload); };
    table_.job_document = [](const je_job* job) { return detail::borrow(of(job).document_text_); };
    table_.job_attempt = [](const je_job* job) -> int32_t { return of(job).job_.attempt; };
    table_.job_resumed = [](const je_job* job) -> int32_t { return of(job).job_.resumed ? 1 : 0; };
    table_.set_progress = [](je_job* job, int32_t percent) {
      of(job).record(of(job).progress_, std::clamp<int>(percent, 0, 100));
    };
    table_.set_status = [](je_job* job, je_string text) {
      of(job).record(of(job).statuses_, std::string(detail::view(text)));
    };
    table_.add_affected_resource = [](je_job* job, je_string href) {
      of(job).record(of(job).affected_, std::string(detail::view(href)));
    };
    table_.log = [](je_job* job, int32_t level, je_string line) {
      of(job).record(of(job).logs_,
                     LogLine{static_cast<LogLevel>(level), std::string(detail::view(line))});
    };
    table_.stop_requested = [](const je_job* job) -> int32_t { return of(job).wait_for_stop(0); };
    table_.wait_for_stop = [](const je_job* job, int64_t time) -> int32_t {
      return of(job).wait_for_stop(time);
    };
    table_.stop_descriptor = [](const je_job* job) -> int32_t { return of(job).stop_descriptor_; };
    table_.api_request = [](je_job* job, const je_api_request* request, je_api_answer give,
                            void* context) { of(job).api_request(*request, give, context); };
    table_.set_outcome = [](je_job* job, int32_t outcome, je_string message) {
      of(job).result_.outcome = static_cast<je_outcome>(outcome);
      of(job).result_.message = detail::view(message);
    };
    table_.get_extension = [](je_string) -> const void* { return nullptr; };
    table_.load_checkpoint = [](const je_job* job) {
      return detail::borrow(of(job).job_.checkpoint);
    };
    table_.save_checkpoint = [](je_job* job, je_string text, je_string* why) -> int32_t {
      return of(job).save_checkpoint(text, why);
    };
    table_.set_retry_delay = [](je_job* job, int64_t milliseconds) {
      of(job).result_.retry_delay = std::chrono::milliseconds(std::max<int64_t>(0, milliseconds));
    };
  }

  int32_t wait_for_stop(int64_t milliseconds) const {
    std::unique_lock lock(mutex_);
    if (milliseconds < 0) {
      changed_.wait(lock, [this] { return stopped_; });
    } else {
      changed_.wait_for(lock, std::chrono::milliseconds(milliseconds), [this] { return stopped_; });
    }
    return stopped_ ? 1 : 0;
  }

  int32_t save_checkpoint(je_string text, je_string* why) {
    const auto refuse = [&](std::string_view reason) -> int32_t {
      if (why != nullptr) *why = detail::borrow(reason);
      return 1;
    };
    {
      const std::lock_guard lock(mutex_);
      if (!checkpoint_refusal_.empty()) return refuse(checkpoint_refusal_);
    }
    constexpr std::size_t longest = 256UL * 1024;  // as the engine's
    if (text.size > longest) return refuse("it is longer than 256 KiB");
    auto state = nlohmann::json::parse(detail::view(text), nullptr, false);
    if (state.is_discarded()) return refuse("it is not JSON");
    record(checkpoints_, std::move(state));
    return 0;
  }

  void api_request(const je_api_request& request, je_api_answer give, void* context) {
    RecordedRequest seen;
    seen.method = detail::view(request.method);
    seen.path = detail::view(request.path);
    seen.content_type = detail::view(request.content_type);
    seen.body = detail::view(request.body);
    seen.headers = detail::view(request.headers);
    seen.as_identity = detail::view(request.as_identity);
    const auto given = next_answer(seen.method, seen.path.substr(0, seen.path.find('?')));
    record(requests_, std::move(seen));
    give(context, given.status, detail::borrow(given.body));
  }

  ScriptedAnswer next_answer(const std::string& method, const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto at =
        std::find_if(answers_.begin(), answers_.end(), [&](const ScriptedAnswer& scripted) {
          return scripted.method == method && scripted.path == path;
        });
    if (at == answers_.end()) {
      return {method, path, 404,
              nlohmann::json{{"status", 404}, {"message", path + " not found"}}.dump()};
    }
    ScriptedAnswer found = std::move(*at);
    answers_.erase(at);
    return found;
  }

  FakeJob job_;
  int stop_descriptor_;
  nlohmann::json document_;
  std::string document_text_;
  je_host table_{};
  RunResult result_;  // of the run under way

  mutable std::mutex mutex_;  // what follows
  mutable std::condition_variable changed_;
  bool stopped_ = false;
  uint64_t events_ = 0;
  std::deque<ScriptedAnswer> answers_;
  std::vector<int> progress_;
  std::vector<std::string> statuses_;
  std::vector<LogLine> logs_;
  std::vector<std::string> affected_;
  std::vector<RecordedRequest> requests_;
  std::vector<nlohmann::json> checkpoints_;
  std::string checkpoint_refusal_;
};

// A plugin loaded from its file, as the engine would.
class PluginFile {
 public:
  // Throws std::runtime_error with the reason when it does not load.
  explicit PluginFile(const std::string& path)
      : library_(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), &::dlclose) {
    if (!library_) throw std::runtime_error(::dlerror());
    const auto* plugin = static_cast<const je_plugin*>(::dlsym(library_.get(), JE_PLUGIN_ENTRY));
    if (plugin == nullptr) throw std::runtime_error(path + " does not export " JE_PLUGIN_ENTRY);
    for (uint32_t index = 0; index < plugin->action_count(); ++index) {
      je_action made{};
      made.struct_size = sizeof made;
      je_string error{};
      if (plugin->create_action(index, &made, &error) != 0)
        throw std::runtime_error(std::string(detail::view(error)));
      actions_.push_back(made);
    }
  }
  PluginFile(const PluginFile&) = delete;
  PluginFile& operator=(const PluginFile&) = delete;
  ~PluginFile() {
    for (auto& made : actions_) made.destroy(made.state);
  }

  const std::vector<je_action>& actions() const { return actions_; }
  static nlohmann::json manifest(const je_action& made) {
    return nlohmann::json::parse(detail::view(made.manifest));
  }
  // The action of this name; throws std::runtime_error when the plugin has none.
  const je_action& action(const std::string& name) const {
    for (const auto& made : actions_) {
      if (manifest(made).value("name", "") == name) return made;
    }
    throw std::runtime_error("the plugin has no action " + name);
  }

 private:
  std::unique_ptr<void, int (*)(void*)> library_;
  std::vector<je_action> actions_;
};

}  // namespace jobengine::testing
