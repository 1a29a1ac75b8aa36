// run_command's payload as a Command, and its result as a status message.
#pragma once

#include <jobengine/action.hpp>
#include <string>

#include "actions/builtin/command_process.hpp"

namespace jobengine::actions {

// Throws PayloadError, also for a working directory that is none, and CommandNotStarted for a
// program that is nowhere to be found.
Command command_of(Job& job);

// "exited with code 0 after 0.012 s; stdout 6 bytes, stderr 0 bytes", then each stream that is not
// empty under a line
// "--- stdout" or "--- stderr".
std::string report(const Command& command, const CommandResult& result);

// The job's return code: that of the command; 128 + signal; 124 for a command that ran too long;
// 143 for a stopped one.
int return_code_of(const CommandResult& result);

}  // namespace jobengine::actions
