/* A plugin in plain C as it was built with the header of plugin ABI 1.0. Its actions call all that
 * a host had to offer, and say in the status message what it answered. */
#include <jobengine/plugin_abi.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#if JE_ABI_MAJOR != 1 || JE_ABI_MINOR != 0
#error "the frozen header is meant"
#endif

static je_string text(const char* content) {
  const je_string borrowed = {content, strlen(content)};
  return borrowed;
}

static int is_readable(int descriptor, int milliseconds) {
  struct pollfd watched = {descriptor, POLLIN, 0};
  return poll(&watched, 1, milliseconds) == 1;
}

struct answer {
  int calls;
  int32_t status;
  int has_body;
};

static void note_answer(void* context, int32_t status, je_string body) {
  struct answer* noted = context;
  ++noted->calls;
  noted->status = status;
  noted->has_body = body.size > 0;
}

static struct answer request(const je_host* host, je_job* job, const char* method, je_string path) {
  struct answer noted = {0, -1, 0};
  je_api_request wanted = {0};
  wanted.struct_size = sizeof wanted;
  wanted.method = text(method);
  wanted.path = path;
  wanted.content_type = text("application/json");
  wanted.headers = text("accept-language: en\n");
  wanted.as_identity = text("user/jane user/jane");
  host->api_request(job, &wanted, note_answer, &noted);
  return noted;
}

/* Every call but set_outcome. */
static int32_t say_all(void* state, const je_host* host, je_job* job) {
  const je_string id = host->job_id(job);
  const je_string action = host->job_action(job);
  const je_string target = host->job_target(job);
  const je_string payload = host->job_payload(job);
  const struct answer found = request(host, job, "GET", id);
  const struct answer missing = request(host, job, "GET", text("job/nobody"));
  char said[512];
  host->set_progress(job, 400);
  host->set_progress(job, 70);
  host->add_affected_resource(job, text("deployment/8"));
  host->log(job, JE_LOG_ERROR, text("a line from C"));
  snprintf(said, sizeof said,
           "%s: host %u.%u of at least %d, %.*s %.*s %.*s %.*s, document %d, attempt %d %d, "
           "stop %d %d %d, answers %d %d %d and %d %d, extension %d",
           (const char*)state, host->abi_major, host->abi_minor,
           host->struct_size >= sizeof(je_host), (int)id.size, id.data, (int)action.size,
           action.data, (int)target.size, target.data, (int)payload.size, payload.data,
           host->job_document(job).size > payload.size, host->job_attempt(job),
           host->job_resumed(job), host->stop_requested(job), host->wait_for_stop(job, 1),
           is_readable(host->stop_descriptor(job), 0), found.calls, found.status, found.has_body,
           missing.calls, missing.status, host->get_extension(text("no such thing")) != NULL);
  host->set_status(job, text(said));
  return 0;
}

/* The payload is the outcome's number, as text. */
static int32_t end_so(void* state, const je_host* host, je_job* job) {
  const je_string payload = host->job_payload(job);
  (void)state;
  if (payload.size == 1) host->set_outcome(job, payload.data[0] - '0', text("ended so"));
  return 5;
}

/* Until it is asked to stop, which it must see in all three ways. */
static int32_t wait_for_stop(void* state, const je_host* host, je_job* job) {
  (void)state;
  host->set_status(job, text("waiting"));
  if (host->wait_for_stop(job, -1) != 1) return 2;
  if (host->stop_requested(job) != 1) return 3;
  if (!is_readable(host->stop_descriptor(job), 0)) return 4;
  host->add_affected_resource(job, text("stop/seen"));
  return 0;
}

static void destroy(void* state) {
  (void)state;
}

static uint32_t action_count(void) {
  return 3;
}

static int32_t create_action(uint32_t index, je_action* out, je_string* error) {
  static char state[] = "its state";
  if (index >= action_count() || out->struct_size < sizeof *out) {
    *error = text("no such action");
    return 1;
  }
  out->state = state;
  out->destroy = destroy;
  if (index == 0) {
    out->manifest = text("{\"name\": \"frozen_c_says_all\", \"description\": \"Says all it can\"}");
    out->run = say_all;
  } else if (index == 1) {
    out->manifest = text("{\"name\": \"frozen_c_ends\", \"pull-mode\": true, \"colour\": \"red\"}");
    out->run = end_so;
  } else {
    out->manifest = text("{\"name\": \"frozen_c_waits\"}");
    out->run = wait_for_stop;
  }
  return 0;
}

__attribute__((visibility("default"))) extern const je_plugin je_plugin_v1;
const je_plugin je_plugin_v1 = {sizeof(je_plugin), JE_ABI_MAJOR, JE_ABI_MINOR, action_count,
                                create_action};
