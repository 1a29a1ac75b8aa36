// The three classes of trouble: expected outcomes are in return types; what the environment does to
// us is a Failure, thrown with its context; a broken invariant of our own ends the process through
// JE_CHECK.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

namespace jobengine::runtime {

// An environment failure. The text says what was attempted, on what, and why it failed.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The text of any exception; "unknown exception" for what is not a std::exception. [any thread]
std::string describe(const std::exception_ptr& failure);

// Prints the message and aborts. Behind JE_CHECK only.
[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               const char* message) noexcept;

}  // namespace jobengine::runtime

// An invariant of this program; never for what the outside world may do. Always compiled in.
#define JE_CHECK(condition, message)                                               \
  do {                                                                             \
    if (!(condition)) {                                                            \
      ::jobengine::runtime::check_failed(#condition, __FILE__, __LINE__, message); \
    }                                                                              \
  } while (false)
