#include "executor/action_host/crash_report.hpp"

#include <execinfo.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstring>

namespace jobengine::executor {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

constexpr std::array crash_signals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// Few enough to leave room for what was printed before, of which the last lines are kept.
constexpr int most_frames = 14;
constexpr int own_frames = 2;  // the handler and the kernel's return from it

constexpr std::size_t stack_size = 128UL * 1024;
constexpr unsigned longest_report = 5;  // seconds; a report may meet a lock that is held

std::atomic<int> reporting{0};  // the signal under way

void die_of(int number) {
  std::signal(number, SIG_DFL);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, number);
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  std::raise(number);
}

void say(const char* text) {
  [[maybe_unused]] auto written = ::write(STDERR_FILENO, text, std::strlen(text));
}

std::uintptr_t stack_pointer(const void* context) {
  [[maybe_unused]] const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(machine.gregs[REG_RSP]);
#elif defined(__aarch64__)
  return static_cast<std::uintptr_t>(machine.sp);
#else
  return 0;
#endif
}

// An access just below the stack pointer, or above it within one frame.
bool is_stack_overflow(int number, const siginfo_t* info, const void* context) {
  if (number != SIGSEGV || info->si_code <= 0) return false;
  constexpr std::uintptr_t near = 64UL * 1024;
  const std::uintptr_t pointer = stack_pointer(context);
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  return pointer != 0 && address + near > pointer && address < pointer + near;
}

void stop_reporting(int) {
  die_of(reporting.load());
}

// Signal-safe but for the symbols, whose lookup may wait for the loader's lock: see the alarm.
void report(int number, siginfo_t* info, void* context) {
  int none = 0;
  if (!reporting.compare_exchange_strong(none, number)) {
    for (;;) ::pause();  // another thread is at it and ends the process
  }
  sigset_t alarm_signal;
  sigemptyset(&alarm_signal);
  sigaddset(&alarm_signal, SIGALRM);
  std::signal(SIGALRM, stop_reporting);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm_signal, nullptr);
  ::alarm(longest_report);
  if (is_stack_overflow(number, info, context)) say("the stack is used up\n");
  say("backtrace:\n");
  std::array<void*, most_frames + own_frames> frames;
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  if (count > own_frames) {
    ::backtrace_symbols_fd(frames.data() + own_frames, count - own_frames, STDERR_FILENO);
  }
  die_of(number);
}

}  // namespace

void report_crashes() {
  if (sanitized) return;
  // The first call loads a library: not in a handler.
  std::array<void*, 2> frames;
  ::backtrace(frames.data(), static_cast<int>(frames.size()));

  static std::array<char, stack_size> own_stack;
  stack_t stack{};
  stack.ss_sp = own_stack.data();
  stack.ss_size = own_stack.size();
  ::sigaltstack(&stack, nullptr);

  struct sigaction action{};
  action.sa_sigaction = report;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | static_cast<int>(SA_RESETHAND) | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (const int number : crash_signals) ::sigaction(number, &action, nullptr);
}

}  // namespace jobengine::executor
