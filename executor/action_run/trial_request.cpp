#include "executor/action_run/trial_request.hpp"

#include <nlohmann/json.hpp>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

using nlohmann::json;

template <class Value>
Value member(const json& object, const char* name, const Value& otherwise) {
  const auto found = object.find(name);
  if (found == object.end()) return otherwise;
  try {
    return found->get<Value>();
  } catch (const json::exception&) {
    throw runtime::Failure("\"" + std::string(name) + "\" of the request is " + found->dump() +
                           ", which it cannot be");
  }
}

ScriptedAnswer answer_from(const json& object) {
  if (!object.is_object()) {
    throw runtime::Failure("an answer of the API must be an object, not " + object.dump());
  }
  for (const char* needed : {"method", "path"}) {
    if (!object.contains(needed)) {
      throw runtime::Failure("an answer of the API lacks \"" + std::string(needed) +
                             "\": " + object.dump());
    }
  }
  ScriptedAnswer answer;
  answer.method = member<std::string>(object, "method", "");
  answer.path = member<std::string>(object, "path", "");
  answer.status = member<std::int32_t>(object, "status", 200);
  answer.body = object.contains("body") ? object["body"].dump() : "{}";
  return answer;
}

}  // namespace

TrialRequest parse_trial_request(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) throw runtime::Failure("the request is no JSON object");
  TrialRequest request;
  request.plugin_file = member<std::string>(document, "plugin", "");
  request.action = member<std::string>(document, "action", "");
  request.payload = member<std::string>(document, "payload", "");
  request.target = member<std::string>(document, "target", "");
  request.attempt = member<std::int32_t>(document, "attempt", 1);
  request.checkpoint = member<std::string>(document, "checkpoint", "");
  request.timeout = std::chrono::milliseconds(member<std::int64_t>(document, "timeout", 0));
  request.json = member<bool>(document, "json", false);
  if (request.plugin_file.empty()) throw runtime::Failure("the request names no plugin");
  if (const auto answers = document.find("answers"); answers != document.end()) {
    if (!answers->is_array()) {
      throw runtime::Failure("the answers of the API must be a list of objects");
    }
    for (const json& answer : *answers) request.answers.push_back(answer_from(answer));
  }
  return request;
}

}  // namespace jobengine::executor
