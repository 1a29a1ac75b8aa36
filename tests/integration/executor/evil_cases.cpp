#include "tests/integration/executor/evil_cases.hpp"

#include "tests/support/sanitized_build.hpp"

namespace jobengine::tests {

namespace {

// Sanitizers have crash reports of their own.
std::vector<std::string> with_backtrace(std::vector<std::string> parts) {
  if (!is_sanitized()) {
    parts.emplace_back("backtrace:");
    parts.emplace_back("evil_actions.so");
  }
  return parts;
}

std::vector<EvilCase> ends() {
  return {
      {"evil_read_nothing", "FAILED",
       with_backtrace({"The action broke its process: killed by signal 11 (Segmentation fault)",
                       "about to touch what is not there"})},
      {"evil_abort", "FAILED", with_backtrace({"killed by signal 6 (Aborted)"})},
      {"evil_exit", "FAILED", {"The action ended its process with exit code 0"}},
      {"evil_exit_at_once", "FAILED", {"The action ended its process with exit code 3"}},
      {"evil_become_another_program",
       "FAILED",
       {"The action replaced its process by the program sleep, which was killed"}},
      {"evil_kill_itself",
       "FAILED",
       {"killed by signal 9 (Killed); if nobody sent it, the process stood still"}},
      // It can take no renewal of its lease.
      {"evil_stop_itself", "FAILED", {"killed by signal 9 (Killed)"}},
      {"evil_throw_int", "FAILED", {"int: thrown, and no std::exception"}},
      {"evil_throw_through",
       "FAILED",
       {"the action threw std::runtime_error (through the border) out of its C function"},
       "",
       "an action host is replaced"},
      {"evil_throw_in_thread", "FAILED",
       with_backtrace({"killed by signal 6 (Aborted)", "std::runtime_error", "in a thread"})},
      {"evil_use_up_stack", "FAILED",
       with_backtrace({"killed by signal 11 (Segmentation fault)", "the stack is used up"}), "", "",
       EvilCase::Needs::PlainBuild},
      {"evil_loop", "CANCELED", {}},
      {"evil_be_deaf", "FAILED", {"The action was stopped after its limit of 12 s"}},
  };
}

std::vector<EvilCase> takers() {
  return {
      {"evil_allocate",
       "FAILED",
       {"std::bad_alloc", "limited to 268435456 bytes here (--host-memory)"},
       "",
       "",
       EvilCase::Needs::PlainBuild},
      {"evil_leak_descriptors", "SUCCESS", {}, "", "left 200 descriptors behind"},
      {"evil_leak_threads", "SUCCESS", {}, "", "left 3 threads behind"},
      {"evil_fork_bomb", "SUCCESS", {}, "", "", EvilCase::Needs::ActionUser},
      {"evil_print_much", "SUCCESS", {}, is_sanitized() ? "64" : "1024"},
  };
}

std::vector<EvilCase> meddlers() {
  return {
      {"evil_close_everything", "FAILED", {"descriptors its host needs were closed"}},
      {"evil_close_everything_and_wait", "FAILED", {"descriptors its host needs were closed"}},
      {"evil_write_garbage", "FAILED", {"its host sent a message that is no JSON object"}},
      {"evil_write_half_line", "FAILED", {"its host sent a message that is no JSON object"}},
      {"evil_write_huge_line", "FAILED", {"its host sent a line of more than 33554432 bytes"}},
      {"evil_remove_its_folder", "SUCCESS", {}},
      {"evil_leave_daemon", "SUCCESS", {}},
      {"evil_leave_daemon_and_die",
       "FAILED",
       {"killed by signal 9"},
       "",
       "processes that an action left behind are killed"},
      {"evil_attack_executor",
       "SUCCESS",
       {"trace refused; stop refused; terminate refused; kill refused; "},
       "",
       "",
       EvilCase::Needs::ActionUser},
  };
}

}  // namespace

bool is_sanitized() {
  return sanitized_build;
}

std::vector<EvilCase> evil_cases() {
  std::vector<EvilCase> all = ends();
  for (EvilCase& one : takers()) all.push_back(std::move(one));
  for (EvilCase& one : meddlers()) all.push_back(std::move(one));
  return all;
}

}  // namespace jobengine::tests
