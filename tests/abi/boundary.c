/* Names every type of the plugin boundary, so that its debug information can be compared. */
#include <jobengine/plugin_abi.h>

void boundary(const je_plugin* plugin, je_action* action, const je_host* host, je_job* job,
              const je_api_request* request, je_outcome outcome, je_log_level level,
              je_api_answer answer);

void boundary(const je_plugin* plugin, je_action* action, const je_host* host, je_job* job,
              const je_api_request* request, je_outcome outcome, je_log_level level,
              je_api_answer answer) {
  (void)plugin;
  (void)action;
  (void)host;
  (void)job;
  (void)request;
  (void)outcome;
  (void)level;
  (void)answer;
}
