// Actions that behave, misbehave and tell what they were given, written against the bare C
// boundary.
#include <jobengine/plugin_abi.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace {

je_string text(const char* content) {
  return {content, std::strlen(content)};
}

std::string copied(je_string content) {
  return content.data == nullptr ? std::string() : std::string(content.data, content.size);
}

std::int32_t ok(void*, const je_host* host, je_job* job) {
  host->set_progress(job, 50);
  host->set_status(job, text("half way"));
  host->add_affected_resource(job, text("deployment/7"));
  host->log(job, JE_LOG_INFO, text("a line of the log"));
  return 0;
}

// Returns the number that is its payload.
std::int32_t return_payload(void*, const je_host* host, je_job* job) {
  return static_cast<std::int32_t>(
      std::strtol(copied(host->job_payload(job)).c_str(), nullptr, 10));
}

std::int32_t crash(void*, const je_host*, je_job*) {
  std::puts("about to crash");
  std::fflush(stdout);
  std::signal(SIGSEGV, SIG_DFL);  // a sanitizer would turn it into an exit of its own
  std::raise(SIGSEGV);
  return 0;
}

// Deaf to a stop and to SIGTERM; what it says at the start is a sign that it runs.
std::int32_t hang(void*, const je_host* host, je_job* job) {
  std::signal(SIGTERM, SIG_IGN);
  host->set_status(job, text("hanging"));
  for (;;) ::sleep(1000);
}

std::int32_t exit_early(void*, const je_host*, je_job*) {
  std::exit(0);
}

// Runs until it is asked to stop.
std::int32_t obey(void*, const je_host* host, je_job* job) {
  host->set_status(job, text("waiting for a stop"));
  host->wait_for_stop(job, -1);
  return host->stop_requested(job) != 0 ? 7 : 8;
}

std::int32_t break_off(void*, const je_host* host, je_job* job) {
  host->set_outcome(job, JE_OUTCOME_FAILED, text("it broke"));
  return 0;
}

std::int32_t leave_running(void*, const je_host* host, je_job* job) {
  host->set_status(job, text("children are running"));
  host->set_outcome(job, JE_OUTCOME_LEFT_RUNNING, text(""));
  return 0;
}

std::int32_t tell_attempt(void*, const je_host* host, je_job* job) {
  const std::string status = "attempt " + std::to_string(host->job_attempt(job)) + " resumed " +
                             std::to_string(host->job_resumed(job)) + " of " +
                             copied(host->job_id(job)) + " on " + copied(host->job_target(job));
  host->set_status(job, text(status.c_str()));
  return 0;
}

// Takes as many milliseconds as its payload says, unless it is asked to stop.
std::int32_t nap(void*, const je_host* host, je_job* job) {
  host->set_status(job, text("napping"));
  const long ms = std::strtol(copied(host->job_payload(job)).c_str(), nullptr, 10);
  return host->wait_for_stop(job, ms);
}

// Whether a process still executes; a zombie does not.
bool executes(long process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return false;
  const std::size_t state = line.rfind(") ");
  return state != std::string::npos && line.at(state + 2) != 'Z' && line.at(state + 2) != 'X';
}

// The first attempt never ends of itself and leaves its process' number in the job; every later
// one tells what it knows, and whether that process still executes.
std::int32_t succeed_later(void*, const je_host* host, je_job* job) {
  const std::string mark = "process/";
  if (host->job_attempt(job) == 1) {
    host->add_affected_resource(job, text((mark + std::to_string(::getpid())).c_str()));
    host->set_status(job, text("first attempt"));
    host->wait_for_stop(job, -1);
    for (;;) ::pause();
  }
  const std::string document = copied(host->job_document(job));
  const std::size_t found = document.find(mark);
  const long process =
      found == std::string::npos ? 0 : std::strtol(&document[found + mark.size()], nullptr, 10);
  const std::string status = "attempt " + std::to_string(host->job_attempt(job)) + " resumed " +
                             std::to_string(host->job_resumed(job)) + ", the first one " +
                             (process != 0 && !executes(process) ? "is gone" : "is still there");
  host->set_status(job, text(status.c_str()));
  return 0;
}

std::int32_t tell_process(void*, const je_host* host, je_job* job) {
  host->set_status(job, text(std::to_string(::getpid()).c_str()));
  return 0;
}

// Its payload is the name of a variable.
std::int32_t tell_environment(void*, const je_host* host, je_job* job) {
  const std::string quoted = copied(host->job_payload(job));
  const char* value = std::getenv(quoted.substr(1, quoted.size() - 2).c_str());
  host->set_status(job, text(value == nullptr ? "not set" : value));
  return 0;
}

// Makes the file that its payload names.
std::int32_t leave_trace(void*, const je_host* host, je_job* job) {
  const std::string quoted = copied(host->job_payload(job));
  host->set_progress(job, 10);
  std::ofstream(quoted.substr(1, quoted.size() - 2)) << "it ran";
  return 0;
}

// Speaks to the executor past its host.
std::int32_t pose_as_host(void*, const je_host* host, je_job* job) {
  const std::string line = "{\"type\": \"ready\", \"actions\": []}\n";
  if (::write(3, line.data(), line.size()) < 0) return 1;
  host->wait_for_stop(job, -1);
  return 0;
}

std::int32_t talk(void*, const je_host* host, je_job* job) {
  for (int i = 0; i < 20000; ++i) {
    host->set_progress(job, i % 100);
    host->set_status(job, text(std::to_string(i).c_str()));
    host->log(job, JE_LOG_DEBUG, text("again"));
  }
  return 0;
}

struct Answer {
  std::int32_t status = -1;
  std::string body;
};

// Gets its own job through the API.
std::int32_t ask_api(void*, const je_host* host, je_job* job) {
  const std::string path = copied(host->job_id(job));
  je_api_request request{};
  request.struct_size = sizeof request;
  request.method = text("GET");
  request.path = text(path.c_str());
  Answer answer;
  const auto note = [](void* context, std::int32_t status, je_string body) {
    auto* noted = static_cast<Answer*>(context);
    noted->status = status;
    noted->body = copied(body);
  };
  host->api_request(job, &request, note, &answer);
  host->set_status(job, text(answer.body.c_str()));
  return answer.status == 200 ? 0 : 1;
}

// Deaf to a stop for as many milliseconds as its payload says.
std::int32_t deaf(void*, const je_host* host, je_job* job) {
  host->set_status(job, text("deaf"));
  const long ms = std::strtol(copied(host->job_payload(job)).c_str(), nullptr, 10);
  ::poll(nullptr, 0, static_cast<int>(ms));
  return 0;
}

// The first attempt is deaf for good; every later one succeeds.
std::int32_t deaf_at_first(void*, const je_host* host, je_job* job) {
  if (host->job_attempt(job) == 1) {
    host->set_status(job, text("deaf"));
    for (;;) ::sleep(1000);
  }
  return tell_attempt(nullptr, host, job);
}

// 9 when a second run enters the same je_action meanwhile.
std::int32_t alone(void* state, const je_host* host, je_job* job) {
  auto* busy = static_cast<std::atomic<bool>*>(state);
  if (busy->exchange(true)) return 9;
  host->wait_for_stop(job, 50);
  busy->store(false);
  return 0;
}

void destroy_state(void* state) {
  delete static_cast<std::atomic<bool>*>(state);
}

struct Entry {
  const char* manifest;
  std::int32_t (*run)(void*, const je_host*, je_job*);
};
constexpr std::array entries = {
    Entry{R"({"name": "test_ok", "description": "succeeds", "pull-mode": true})", ok},
    Entry{R"({"name": "test_return"})", return_payload},
    Entry{R"({"name": "test_crash"})", crash},
    Entry{R"({"name": "test_hang"})", hang},
    Entry{R"({"name": "test_exit"})", exit_early},
    Entry{R"({"name": "test_obey"})", obey},
    Entry{R"({"name": "test_break_off"})", break_off},
    Entry{R"({"name": "test_leave_running"})", leave_running},
    Entry{R"({"name": "test_tell_attempt"})", tell_attempt},
    Entry{R"({"name": "test_nap"})", nap},
    Entry{R"({"name": "test_succeed_later"})", succeed_later},
    Entry{R"({"name": "test_tell_process"})", tell_process},
    Entry{R"({"name": "test_tell_environment"})", tell_environment},
    Entry{R"({"name": "test_leave_trace"})", leave_trace},
    Entry{R"({"name": "test_pose_as_host"})", pose_as_host},
    Entry{R"({"name": "test_talk"})", talk},
    Entry{R"({"name": "test_ask_api"})", ask_api},
    Entry{R"({"name": "shared_ok", "isolation": "shared"})", ok},
    Entry{R"({"name": "shared_return", "isolation": "shared"})", return_payload},
    Entry{R"({"name": "shared_break_off", "isolation": "shared"})", break_off},
    Entry{R"({"name": "shared_obey", "isolation": "shared"})", obey},
    Entry{R"({"name": "shared_deaf", "isolation": "shared"})", deaf},
    Entry{R"({"name": "shared_deaf_at_first", "isolation": "shared"})", deaf_at_first},
    Entry{R"({"name": "shared_alone", "isolation": "shared"})", alone},
    Entry{R"({"name": "shared_tell_process", "isolation": "shared"})", tell_process},
    Entry{R"({"name": "shared_talk", "isolation": "shared"})", talk},
    Entry{R"({"name": "shared_ask_api", "isolation": "shared"})", ask_api},
    Entry{R"({"name": "test_needs_labels", "labels": ["gpu", "region=eu"]})", ok},
    Entry{R"({"name": "test_schema", "payload-schema": {"type": "object", "required": ["count"],
              "properties": {"count": {"type": "integer", "minimum": 1}}}})",
          ok},
};

std::uint32_t action_count() {
  return entries.size();
}

std::int32_t create_action(std::uint32_t index, je_action* out, je_string*) {
  out->struct_size = sizeof *out;
  out->manifest = text(entries.at(index).manifest);
  out->state = new std::atomic<bool>(false);
  out->run = entries.at(index).run;
  out->destroy = destroy_state;
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const je_plugin je_plugin_v1;
extern "C" const je_plugin je_plugin_v1 = {sizeof(je_plugin), JE_ABI_MAJOR, JE_ABI_MINOR,
                                           action_count, create_action};
