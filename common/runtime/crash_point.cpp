#include "common/runtime/crash_point.hpp"

#ifdef JE_CRASH_POINTS

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "common/runtime/failure.hpp"

namespace jobengine::runtime {

namespace {

constexpr const char* kill_variable = "JE_CRASH_AT";
constexpr const char* freeze_variable = "JE_FREEZE_AT";

struct Request {
  const char* variable = kill_variable;
  std::string point;         // empty: none
  std::atomic<int> left{1};  // passes until it happens
  std::string complaint;
};

void read_request(Request& request, std::string_view text) {
  const auto colon = text.rfind(':');
  request.point = text.substr(0, colon);
  if (colon == std::string_view::npos) return;
  const std::string_view count = text.substr(colon + 1);
  int passes = 0;
  const auto read = std::from_chars(count.data(), count.data() + count.size(), passes);
  const bool whole = read.ec == std::errc() && read.ptr == count.data() + count.size();
  if (!whole || passes < 1) {
    request.complaint = "\"" + std::string(count) + "\" is no number of a pass; expected 1 or more";
    return;
  }
  request.left = passes;
}

// Points make themselves known before main(), in an order nobody knows: made by the first.
Request& request() {
  static Request made;
  static const bool read = [] {
    for (const char* variable : {freeze_variable, kill_variable}) {
      const char* text = std::getenv(variable);
      if (text == nullptr) continue;
      made.variable = variable;
      read_request(made, text);
    }
    return true;
  }();
  static_cast<void>(read);
  return made;
}

std::set<std::string>& known_points() {
  static std::set<std::string> names;
  return names;
}

}  // namespace

bool know_crash_point(const char* name) {
  known_points().insert(name);
  return request().point == name;
}

void count_crash_pass() {
  if (request().left.fetch_sub(1) != 1) return;
  // raise() is for this thread: it goes no step further.
  std::raise(request().variable == freeze_variable ? SIGSTOP : SIGKILL);
}

void check_crash_request() {
  const Request& asked = request();
  if (!asked.complaint.empty()) throw Failure(std::string(asked.variable) + ": " + asked.complaint);
  if (asked.point.empty() || known_points().contains(asked.point)) return;
  std::string message = std::string(asked.variable) + ": there is no crash point \"" + asked.point +
                        "\" in this program; expected one of";
  for (const std::string& name : known_points()) message += " " + name;
  throw Failure(message);
}

}  // namespace jobengine::runtime

#endif
