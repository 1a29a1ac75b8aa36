// Every member of the boundary of plugin ABI 1.0 is where it was, is as large as it was, and every
// number still means what it meant. Whether this compiles is the test; abidiff (boundary_growth.py)
// compares the types behind the members as well, where it is installed.
#include <stddef.h>
#include <stdint.h>

namespace frozen {
#include "tests/abi/1.0/jobengine/plugin_abi.h"
}
static_assert(JE_ABI_MAJOR == 1U && JE_ABI_MINOR == 0U, "the frozen header is meant");
#undef JOBENGINE_PLUGIN_ABI_H
#undef JE_ABI_MAJOR
#undef JE_ABI_MINOR
#undef JE_PLUGIN_ENTRY
#include "actions/sdk/include/jobengine/plugin_abi.h"
static_assert(JE_ABI_MAJOR == 1U, "another major version has no duty to this one");

#include <catch2/catch.hpp>
#include <string_view>

#define STAYS(type, member)                                                  \
  static_assert(offsetof(::type, member) == offsetof(frozen::type, member)); \
  static_assert(sizeof(::type::member) == sizeof(frozen::type::member))
#define SAME_SIZE(type) static_assert(sizeof(::type) == sizeof(frozen::type))
#define SAME_NUMBER(name) static_assert(int{::name} == int{frozen::name})

STAYS(je_string, data);
STAYS(je_string, size);
SAME_SIZE(je_string);  // passed by value

STAYS(je_api_request, struct_size);
STAYS(je_api_request, method);
STAYS(je_api_request, path);
STAYS(je_api_request, content_type);
STAYS(je_api_request, body);
STAYS(je_api_request, headers);
STAYS(je_api_request, as_identity);
SAME_SIZE(je_api_request);

STAYS(je_host, struct_size);
STAYS(je_host, abi_major);
STAYS(je_host, abi_minor);
STAYS(je_host, job_id);
STAYS(je_host, job_action);
STAYS(je_host, job_target);
STAYS(je_host, job_payload);
STAYS(je_host, job_document);
STAYS(je_host, job_attempt);
STAYS(je_host, job_resumed);
STAYS(je_host, set_progress);
STAYS(je_host, set_status);
STAYS(je_host, add_affected_resource);
STAYS(je_host, log);
STAYS(je_host, stop_requested);
STAYS(je_host, wait_for_stop);
STAYS(je_host, stop_descriptor);
STAYS(je_host, api_request);
STAYS(je_host, set_outcome);
STAYS(je_host, get_extension);
// What is new begins where 1.0 ended: by its size a plugin tells whether it is there.
static_assert(offsetof(::je_host, load_checkpoint) == sizeof(frozen::je_host));

STAYS(je_action, struct_size);
STAYS(je_action, manifest);
STAYS(je_action, state);
STAYS(je_action, run);
STAYS(je_action, destroy);
SAME_SIZE(je_action);

STAYS(je_plugin, struct_size);
STAYS(je_plugin, abi_major);
STAYS(je_plugin, abi_minor);
STAYS(je_plugin, action_count);
STAYS(je_plugin, create_action);
SAME_SIZE(je_plugin);

SAME_NUMBER(JE_OUTCOME_RETURN_CODE);
SAME_NUMBER(JE_OUTCOME_FAILED);
SAME_NUMBER(JE_OUTCOME_LEFT_RUNNING);
SAME_NUMBER(JE_LOG_DEBUG);
SAME_NUMBER(JE_LOG_INFO);
SAME_NUMBER(JE_LOG_WARNING);
SAME_NUMBER(JE_LOG_ERROR);

TEST_CASE("boundary: the entry symbol of ABI 1.0 is that of today", "[sdk]") {
  CHECK(std::string_view(JE_PLUGIN_ENTRY) == "je_plugin_v1");
}
