// What --payload may be given, and the ids of jobs as people type them.
#pragma once

#include <string>

namespace jobengine::ctl {

// `argument`: JSON, "@FILE" (the file's content) or "-" (standard input). Returns the JSON text
// without the blanks around it. Throws UsageError, with the name of the option, when it cannot be
// read or is not JSON (where the text goes wrong is named).
std::string read_json(const std::string& argument, const std::string& option);
std::string read_payload(const std::string& argument);

// "job/<uuid>" for "<uuid>" and "job/<uuid>". Throws UsageError for what is no id of a job.
std::string job_id(const std::string& argument);

}  // namespace jobengine::ctl
