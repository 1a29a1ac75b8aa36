// What a crash of the action's code leaves in the record of its job: where it happened.
#pragma once

namespace jobengine::executor {

// From now on SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT write "backtrace:" and the innermost
// frames to standard error before they end the process as they would have. On a stack of its own
// for the calling thread, so that a stack overflow is told, too. Builds with a sanitizer, which has
// reports of its own, are left alone. To be called once, before a plugin is loaded.
void report_crashes();

}  // namespace jobengine::executor
