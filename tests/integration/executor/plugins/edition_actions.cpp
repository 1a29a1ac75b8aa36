// One plugin in two editions, JE_EDITION 1 and 2, that tell which they are.
#include <jobengine/plugin_abi.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

namespace {

#if JE_EDITION == 1
#define JE_EDITION_TEXT "first edition"
#else
#define JE_EDITION_TEXT "second edition"
#endif

je_string text(const char* content) {
  return {content, std::strlen(content)};
}

std::int32_t tell(void*, const je_host* host, je_job* job) {
  host->set_status(job, text(JE_EDITION_TEXT));
  return 0;
}

// Runs until the file is there that its payload names, and tells its edition only then.
std::int32_t wait(void*, const je_host* host, je_job* job) {
  host->set_status(job, text("waiting"));
  const je_string payload = host->job_payload(job);
  const std::string quoted(payload.data, payload.size);
  const std::string file = quoted.substr(1, quoted.size() - 2);
  while (::access(file.c_str(), F_OK) != 0) {
    if (host->wait_for_stop(job, 20) != 0) return 1;
  }
  return tell(nullptr, host, job);
}

struct Entry {
  const char* manifest;
  std::int32_t (*run)(void*, const je_host*, je_job*);
};
constexpr std::array entries = {
    Entry{R"({"name": "edition_tell", "isolation": "shared", "description": ")" JE_EDITION_TEXT
          R"("})",
          tell},
    Entry{R"({"name": "edition_wait"})", wait},
#if JE_EDITION == 1
    Entry{R"({"name": "edition_first_only"})", tell},
#endif
};

std::uint32_t action_count() {
  return entries.size();
}

std::int32_t create_action(std::uint32_t index, je_action* out, je_string*) {
  out->struct_size = sizeof *out;
  out->manifest = text(entries.at(index).manifest);
  out->run = entries.at(index).run;
  out->destroy = nullptr;
  out->state = nullptr;
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const je_plugin je_plugin_v1;
extern "C" const je_plugin je_plugin_v1 = {sizeof(je_plugin), JE_ABI_MAJOR, JE_ABI_MINOR,
                                           action_count, create_action};
