#include "common/job/job.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "common/runtime/failure.hpp"

namespace jobengine::job {

namespace {

bool is_blank(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isspace(c) != 0; });
}

bool is_alphanumeric(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

}  // namespace

Job::Job(nlohmann::json document) : document_(std::move(document)) {
  if (!document_.is_object()) {
    throw runtime::Failure(std::string("a job document must be a JSON object, not ") +
                           document_.type_name());
  }
  id_ = text_of("id");
  if (id_.empty()) throw runtime::Failure("a job document must have a textual id");
}

std::string Job::text_of(std::string_view attribute) const {
  const auto found = document_.find(attribute);
  if (found == document_.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

std::optional<std::string> Job::action() const {
  std::string action = text_of("action");
  if (is_blank(action)) return std::nullopt;
  return action;
}

std::optional<JobState> Job::state() const {
  return parse_job_state(text_of("state"));
}

int Job::version() const {
  const auto found = document_.find("version");
  if (found == document_.end()) return 0;
  if (found->is_number_integer()) {
    const auto wide = found->get<std::int64_t>();
    return static_cast<int>(std::clamp<std::int64_t>(wide, 0, 1'000'000));
  }
  const std::string text = text_of("version");
  int version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  return error == std::errc() && end == text.data() + text.size() ? version : 0;
}

ExecutionMode Job::execution_mode() const {
  return parse_execution_mode(text_of("execution-mode")).value_or(ExecutionMode::Push);
}

std::optional<int> Job::priority() const {
  const auto found = document_.find("priority");
  if (found == document_.end() || !found->is_number_integer()) return std::nullopt;
  return static_cast<int>(std::clamp<std::int64_t>(found->get<std::int64_t>(), 0, 999));
}

int Job::progress() const {
  const auto found = document_.find("progress");
  if (found == document_.end() || !found->is_number_integer()) return 0;
  return static_cast<int>(std::clamp<std::int64_t>(found->get<std::int64_t>(), 0, 100));
}

std::string Job::payload() const {
  return text_of("payload");
}

std::string Job::target() const {
  const auto found = document_.find("target-resource");
  if (found == document_.end() || !found->is_object()) return {};
  const auto href = found->find("href");
  return href != found->end() && href->is_string() ? href->get<std::string>() : std::string();
}

std::string Job::parent_job() const {
  return text_of("parent-job");
}
std::string Job::status_message() const {
  return text_of("status-message");
}

bool is_job_id(std::string_view text) {
  constexpr std::string_view start = "job/";
  if (!text.starts_with(start)) return false;
  text.remove_prefix(start.size());
  if (text.empty() || !is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; });
}

}  // namespace jobengine::job
