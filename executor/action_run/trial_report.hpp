// Tells people, or programs, what an action says while it is tried.
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace jobengine::executor {

// Every event is out (flushed) when its function returns.
class TrialReport {
 public:
  TrialReport(std::FILE* out, bool json) : out_(out), json_(json) {}

  // One event: a word for its kind, and what was said. Text of several lines is indented.
  void tell(std::string_view kind, std::string_view text);
  // The same for programs, with members of its own instead of "text".
  void tell(std::string_view kind, std::string_view text, const nlohmann::json& members);

 private:
  std::FILE* out_;
  bool json_;
};

}  // namespace jobengine::executor
