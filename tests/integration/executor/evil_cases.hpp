// What evil actions there are, and what the record of each one's job must say.
#pragma once

#include <string>
#include <vector>

namespace jobengine::tests {

struct EvilCase {
  enum class Needs {
    Nothing,
    ActionUser,  // the test runs as root, and actions as somebody else
    PlainBuild,  // without a sanitizer: it has a memory and stacks of its own
  };
  std::string action;
  std::string state;               // FAILED, SUCCESS, or CANCELED: cancelled once it says "looping"
  std::vector<std::string> parts;  // of the status message
  std::string payload = {};
  std::string logged = {};  // by the executor; empty: nothing is expected
  Needs needs = Needs::Nothing;
};

// True in builds with AddressSanitizer or ThreadSanitizer.
bool is_sanitized();

std::vector<EvilCase> evil_cases();

}  // namespace jobengine::tests
