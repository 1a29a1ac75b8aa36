// The options of job-api's listener, and what they mean.
#pragma once

#include "api/http/listener.hpp"
#include "common/program/program.hpp"

namespace jobengine::api {

program::OptionList listener_option_list();

// Throws UsageError for an address that is none, and for one of --tls-cert and --tls-key without
// the other. Raises the process's limit of open files to what it may be, for --max-connections.
http::ListenerOptions listener_options(const configuration::Settings& settings);

}  // namespace jobengine::api
