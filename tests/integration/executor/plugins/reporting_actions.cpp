// Actions that say how far they are: steadily, all at once, and right before their end.
#include <jobengine/plugin_abi.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>

namespace {

je_string text(const char* content) {
  return {content, std::strlen(content)};
}

void report(const je_host* host, je_job* job, int number) {
  host->set_progress(job, number % 100);
  host->set_status(job, text(std::to_string(number).c_str()));
}

std::string quoted_payload(const je_host* host, je_job* job) {
  const je_string content = host->job_payload(job);
  const std::string quoted(content.data, content.size);
  return quoted.substr(1, quoted.size() - 2);
}

void report_until_file(const je_host* host, je_job* job) {
  const std::string file = quoted_payload(host, job);
  constexpr std::int64_t pause_ms = 2;
  int number = 0;
  while (!std::filesystem::exists(file)) {
    report(host, job, ++number);
    if (host->wait_for_stop(job, pause_ms) != 0) break;
  }
}

// Until the file exists that its payload names; then once more, and it ends.
std::int32_t report_steadily(void*, const je_host* host, je_job* job) {
  report_until_file(host, job);
  host->set_progress(job, 77);
  host->set_status(job, text("the last"));
  return 0;
}

// Much at once, then nothing more until it is asked to stop.
std::int32_t report_and_wait(void*, const je_host* host, je_job* job) {
  constexpr int reports = 500;
  for (int number = 0; number < reports; ++number) report(host, job, number);
  host->set_progress(job, 66);
  host->set_status(job, text("the last for long"));
  host->wait_for_stop(job, -1);
  return 0;
}

// As report_steadily, but its last words are those of one that was asked to stop.
std::int32_t report_when_stopped(void*, const je_host* host, je_job* job) {
  report(host, job, 1);
  host->wait_for_stop(job, -1);
  host->set_progress(job, 88);
  host->set_status(job, text("stopped there"));
  return 0;
}

struct Entry {
  const char* manifest;
  std::int32_t (*run)(void*, const je_host*, je_job*);
};
constexpr std::array entries = {
    Entry{R"({"name": "test_report_steadily"})", report_steadily},
    Entry{R"({"name": "test_report_and_wait"})", report_and_wait},
    Entry{R"({"name": "test_report_when_stopped"})", report_when_stopped},
};

std::uint32_t action_count() {
  return entries.size();
}

std::int32_t create_action(std::uint32_t index, je_action* out, je_string*) {
  out->struct_size = sizeof *out;
  out->manifest = text(entries.at(index).manifest);
  out->run = entries.at(index).run;
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const je_plugin je_plugin_v1;
extern "C" const je_plugin je_plugin_v1 = {sizeof(je_plugin), JE_ABI_MAJOR, JE_ABI_MINOR,
                                           action_count, create_action};
