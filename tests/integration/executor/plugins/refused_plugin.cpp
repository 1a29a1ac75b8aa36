// Plugins that are refused, one a build of this file; JE_WRONG says what is wrong with it.
#include <jobengine/plugin_abi.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#define JE_WRONG_NO_SYMBOL 1
#define JE_WRONG_OTHER_MAJOR 2
#define JE_WRONG_LATER_MINOR 3
#define JE_WRONG_OTHER_SYMBOL 4
#define JE_WRONG_CREATE 5
#define JE_WRONG_MANIFEST 6
#define JE_WRONG_CRASH_AT_LOAD 7
#define JE_WRONG_EXIT_AT_LOAD 8
#define JE_WRONG_DUPLICATE 9
#define JE_WRONG_HANG_AT_LOAD 10
#define JE_WRONG_TAKEN_NAME 11
#define JE_WRONG_SCHEMA 12

namespace {

[[maybe_unused]] je_string text(const char* content) {
  return {content, std::strlen(content)};
}

[[maybe_unused]] std::int32_t run(void*, const je_host*, je_job*) {
  return 0;
}

[[maybe_unused]] std::uint32_t action_count() {
  return JE_WRONG == JE_WRONG_DUPLICATE ? 2 : 1;
}

[[maybe_unused]] std::int32_t create_action(std::uint32_t, je_action* out,
                                            [[maybe_unused]] je_string* error) {
  out->manifest = text(R"({"name": "test_refused"})");
#if JE_WRONG == JE_WRONG_CREATE
  *error = text("its configuration file is missing");
  return 1;
#elif JE_WRONG == JE_WRONG_MANIFEST
  out->manifest = text("{\"title\": \"no name\"}");
#elif JE_WRONG == JE_WRONG_SCHEMA
  out->manifest = text(R"({"name": "test_refused", "payload-schema": {"type": "objct"}})");
#elif JE_WRONG == JE_WRONG_TAKEN_NAME
  out->manifest = text(R"({"name": "test_ok", "description": "the second"})");
#endif
  out->run = run;
  out->destroy = nullptr;
  out->state = nullptr;
  return 0;
}

#if JE_WRONG == JE_WRONG_CRASH_AT_LOAD || JE_WRONG == JE_WRONG_EXIT_AT_LOAD || \
    JE_WRONG == JE_WRONG_HANG_AT_LOAD
struct AtLoad {
  AtLoad() {
#if JE_WRONG == JE_WRONG_CRASH_AT_LOAD
    std::raise(SIGSEGV);
#elif JE_WRONG == JE_WRONG_EXIT_AT_LOAD
    std::_Exit(0);
#else
    for (;;) ::sleep(1000);
#endif
  }
};
const AtLoad at_load;
#endif

}  // namespace

#define JE_VISIBLE __attribute__((visibility("default")))
#if JE_WRONG == JE_WRONG_NO_SYMBOL
extern "C" JE_VISIBLE const int something_else;
extern "C" const int something_else = 1;
#elif JE_WRONG == JE_WRONG_OTHER_SYMBOL
extern "C" JE_VISIBLE const int je_plugin_v2;
extern "C" const int je_plugin_v2 = 1;
#else
#if JE_WRONG == JE_WRONG_OTHER_MAJOR
constexpr std::uint32_t major_version = JE_ABI_MAJOR + 1;
#else
constexpr std::uint32_t major_version = JE_ABI_MAJOR;
#endif
#if JE_WRONG == JE_WRONG_LATER_MINOR
constexpr std::uint32_t minor_version = JE_ABI_MINOR + 7;
#else
constexpr std::uint32_t minor_version = JE_ABI_MINOR;
#endif
extern "C" JE_VISIBLE const je_plugin je_plugin_v1;
extern "C" const je_plugin je_plugin_v1 = {sizeof(je_plugin), major_version, minor_version,
                                           action_count, create_action};
#endif
