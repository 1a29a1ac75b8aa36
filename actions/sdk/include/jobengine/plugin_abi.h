/*
 * The boundary between the job engine and an action plugin: C, versioned, nothing of C++ crosses
 * it.
 *
 * A plugin is a shared object that exports one object, `const je_plugin je_plugin_v1`. C++ authors
 * include <jobengine/action.hpp> instead, which is made of this header alone.
 *
 * Growth. The entry symbol carries the major version. Within a major version structs only grow at
 * their end; every struct begins with its size as its maker knew it, so each side can see what the
 * other has. New powers come at the end of je_host, each minor version marked there, or through
 * je_host.get_extension. A host refuses a plugin of another
 * major version, or of a later minor one.
 *
 * Threads. [action-thread]: only from the thread that called je_action.run, during that call.
 *          [thread-safe]:   from any thread, between the start and the end of je_action.run.
 *          [load]:          called by the host while it loads the plugin, before any run.
 *
 * Memory. Nobody frees what the other side allocated. A je_string is borrowed: what the host passes
 * or returns is valid until run() returns; what the plugin passes is copied before the call
 * returns. Strings are UTF-8 and not NUL-terminated. `data` may be NULL when `size` is 0.
 *
 * No function of either side may let an exception or a longjmp out.
 */
#ifndef JOBENGINE_PLUGIN_ABI_H
#define JOBENGINE_PLUGIN_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JE_ABI_MAJOR 1u
#define JE_ABI_MINOR 1u
#define JE_PLUGIN_ENTRY "je_plugin_v1"

typedef struct je_string {
  const char* data;
  size_t size;
} je_string;

/* One run of one job; owned by the host. */
typedef struct je_job je_job;

/* How a run ends, besides its return code. */
typedef enum je_outcome {
  /* The return code decides: 0 is SUCCESS, anything else FAILED with that code. The default. */
  JE_OUTCOME_RETURN_CODE = 0,
  /* The action broke off: FAILED with the message, or, for a job in mixed mode, back to QUEUED in
     pull mode. */
  JE_OUTCOME_FAILED = 1,
  /* The job stays RUNNING and leaves the queue: somebody else (a monitor job) will finish it. */
  JE_OUTCOME_LEFT_RUNNING = 2,
  /* ---- since 1.1 */
  /* The job goes back to QUEUED and is run again after a while, as often as its manifest's retry
     policy allows; then it is FAILED with the message. */
  JE_OUTCOME_RETRY_LATER = 3,
  /* There was nothing to do: SUCCESS with return code 0, whatever run() returned, and the status
     message "Skipped: <message>". */
  JE_OUTCOME_SKIPPED = 4
} je_outcome;

typedef enum je_log_level {
  JE_LOG_DEBUG = 0,
  JE_LOG_INFO = 1,
  JE_LOG_WARNING = 2,
  JE_LOG_ERROR = 3
} je_log_level;

/* A request to the resource API, made by the executor on the job's behalf. */
typedef struct je_api_request {
  uint32_t struct_size;
  je_string method;       /* GET, PUT, POST, DELETE, PATCH */
  je_string path;         /* below /api/, percent-encoded: "job/1234", "job?last=0" */
  je_string content_type; /* of the body; empty: application/json */
  je_string body;
  je_string headers; /* further headers, "Name: value" lines; "bulk: yes" */
  je_string
      as_identity; /* value of the nuvla-authn-info header to act as; empty: as the executor */
} je_api_request;

/* Called exactly once, before api_request returns. status: the HTTP status, or 0 when there was no
 * answer (then `body` is a message saying why). */
typedef void (*je_api_answer)(void* context, int32_t status, je_string body);

/* What the host offers. */
typedef struct je_host {
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;

  /* ---- the job. [action-thread] */
  je_string (*job_id)(const je_job* job);       /* "job/<uuid>" */
  je_string (*job_action)(const je_job* job);   /* name of the action */
  je_string (*job_target)(const je_job* job);   /* href of the target resource; empty: none */
  je_string (*job_payload)(const je_job* job);  /* JSON text; empty: none */
  je_string (*job_document)(const je_job* job); /* the whole job as JSON text */
  int32_t (*job_attempt)(const je_job* job);    /* 1 for the first time the job was taken */
  int32_t (*job_resumed)(
      const je_job* job); /* 1: an earlier attempt was under way and did not end cleanly */

  /* ---- talking about it. [thread-safe] They only note what is said and never block. */
  void (*set_progress)(je_job* job, int32_t percent); /* kept within 0..100 */
  void (*set_status)(je_job* job, je_string message); /* the job's status-message */
  void (*add_affected_resource)(je_job* job, je_string href);
  void (*log)(je_job* job, int32_t level, je_string line); /* level: je_log_level */

  /* ---- being asked to stop (cancel, shutdown, lost lease). [thread-safe] */
  int32_t (*stop_requested)(const je_job* job);
  /* Sleeps until a stop is requested (returns 1) or the time is over (returns 0). Negative: no
   * limit. */
  int32_t (*wait_for_stop)(const je_job* job, int64_t milliseconds);
  /* Readable from the moment a stop is requested; for poll(). Never read from it or close it. */
  int32_t (*stop_descriptor)(const je_job* job);

  /* ---- the resource API. [thread-safe] Blocks until there is an answer or it is clear that there
   * will be none. */
  void (*api_request)(je_job* job, const je_api_request* request, je_api_answer answer,
                      void* context);

  /* ---- how it ends. [action-thread] The last call counts. */
  void (*set_outcome)(je_job* job, int32_t outcome, je_string message); /* outcome: je_outcome */

  /* Further powers by name; NULL when this host does not have them. [thread-safe] */
  const void* (*get_extension)(je_string id);

  /* ---- since 1.1: there when struct_size reaches beyond them */

  /* What an earlier attempt of this job saved last, as JSON text; empty: nothing. [action-thread]
   */
  je_string (*load_checkpoint)(const je_job* job);
  /* Keeps JSON text of at most 256 KiB for the next attempt, in place of what was saved before.
     Blocks until it is kept (returns 0) or it is clear that it is not (returns 1; `why`, unless
     NULL, says why). [thread-safe] */
  int32_t (*save_checkpoint)(je_job* job, je_string json, je_string* why);
  /* With JE_OUTCOME_RETRY_LATER: not before so long. 0: as the manifest's retry policy says.
     [action-thread] */
  void (*set_retry_delay)(je_job* job, int64_t milliseconds);
} je_host;

/* One action. */
typedef struct je_action {
  uint32_t struct_size;
  /* JSON object: "name" (the job's `action`; letters, digits, '-', '_'), "description", and
   * optionally "pull-mode" (boolean: may run without a queue on an edge; default false). Since 1.1
   * also "payload-schema", "timeout", "idle-timeout", "retry", "isolation" and "labels", as
   * <jobengine/manifest.hpp> says. Unknown keys are ignored. Must stay valid until destroy. */
  je_string manifest;
  void* state;
  /* Runs one job and returns its return code. One call at a time for one je_action. [action-thread]
   */
  int32_t (*run)(void* state, const je_host* host, je_job* job);
  /* After the last run. */
  void (*destroy)(void* state);
} je_action;

/* What the shared object exports. */
typedef struct je_plugin {
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t (*action_count)(void); /* [load] */
  /* Fills *out, whose struct_size the host has set. 0: done; else the plugin is refused with
   * `error` as reason, which must stay valid while the plugin is loaded. [load] */
  int32_t (*create_action)(uint32_t index, je_action* out, je_string* error);
} je_plugin;

#ifdef __cplusplus
}
#endif
#endif
