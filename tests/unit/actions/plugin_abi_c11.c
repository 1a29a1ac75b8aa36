/* The plugin boundary is C: this file is compiled as C11 and is a whole plugin. */
#include <jobengine/plugin_abi.h>
#include <string.h>

static int32_t run(void *state, const je_host *host, je_job *job) {
  const je_string payload = host->job_payload(job);
  (void)state;
  host->set_progress(job, 50);
  host->set_status(job, payload);
  return (int32_t)payload.size;
}

static void destroy(void *state) { (void)state; }

static uint32_t action_count(void) { return 1; }

static int32_t create_action(uint32_t index, je_action *out, je_string *error) {
  static const char manifest[] = "{\"name\": \"written_in_c\", \"description\": \"says its payload\"}";
  if (index != 0) {
    error->data = "no such action";
    error->size = strlen(error->data);
    return 1;
  }
  out->manifest.data = manifest;
  out->manifest.size = sizeof manifest - 1;
  out->state = NULL;
  out->run = run;
  out->destroy = destroy;
  return 0;
}

/* Under a name of its own: the test program is no plugin. */
extern const je_plugin plugin_written_in_c;
const je_plugin plugin_written_in_c = {sizeof(je_plugin), JE_ABI_MAJOR, JE_ABI_MINOR, action_count, create_action};
