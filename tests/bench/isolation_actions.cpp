// The action whose cost is that of its isolation alone, and one that stays until it is stopped.
#include <jobengine/plugin_abi.h>

#include <cstdint>
#include <cstring>

namespace {

je_string text(const char* content) {
  return {content, std::strlen(content)};
}

std::int32_t nothing(void*, const je_host*, je_job*) {
  return 0;
}

std::int32_t stay(void*, const je_host* host, je_job* job) {
  host->wait_for_stop(job, -1);
  return 0;
}

std::uint32_t action_count() {
  return 2;
}

std::int32_t create_action(std::uint32_t index, je_action* out, je_string*) {
  out->manifest = text(index == 0 ? R"({"name": "bench_nothing", "isolation": "shared"})"
                                  : R"({"name": "bench_stay", "isolation": "shared"})");
  out->run = index == 0 ? nothing : stay;
  out->destroy = nullptr;
  out->state = nullptr;
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const je_plugin je_plugin_v1;
extern "C" const je_plugin je_plugin_v1 = {sizeof(je_plugin), JE_ABI_MAJOR, JE_ABI_MINOR,
                                           action_count, create_action};
