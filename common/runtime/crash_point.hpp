// Places where a process can be made to die, so that tests see what each step leaves behind. Only
// with the CMake option JE_CRASH_POINTS: what ships has none of it.
//   JE_CRASH_POINT("executor.take.after");
// The environment variable JE_CRASH_AT=<name>[:n] makes the n-th pass (the first, without n) end
// the process by SIGKILL: nothing is flushed, closed or said. JE_FREEZE_AT=<name>[:n] makes it stop
// there (SIGSTOP), to go on after a SIGCONT when all it knows is old.
#pragma once

#include <cstddef>

namespace jobengine::runtime {

#ifdef JE_CRASH_POINTS

// A name as an argument of a template, so that every point of a program is known before main().
template <std::size_t Size>
struct CrashPointName {
  consteval CrashPointName(const char (&literal)[Size]) {  // NOLINT: a name is a literal
    for (std::size_t i = 0; i < Size; ++i) text[i] = literal[i];
  }
  char text[Size] = {};
};

// Behind JE_CRASH_POINT only. True when this point is asked for.
bool know_crash_point(const char* name);
void count_crash_pass();

template <CrashPointName Name>
class CrashPoint {
 public:
  // [any thread]
  static void pass() {
    if (wanted_) count_crash_pass();
  }

 private:
  static inline const bool wanted_ = know_crash_point(Name.text);
};

// To be called at the start of every program: a test whose point does not exist must not pass for
// that. Throws Failure, with the names there are, when JE_CRASH_AT is none of this program.
void check_crash_request();

#define JE_CRASH_POINT(name) ::jobengine::runtime::CrashPoint<name>::pass()

#else

inline void check_crash_request() {}

#define JE_CRASH_POINT(name) static_cast<void>(0)

#endif

}  // namespace jobengine::runtime
