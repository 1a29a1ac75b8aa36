// Typed view of a job document. Unknown attributes survive: the document is kept whole. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/job/job_state.hpp"

namespace jobengine::job {

// What this engine supports; the API stamps it on new jobs (spec 2.5).
inline constexpr int supported_version = 2;

// The only tag of a job for which job-api is going to make a queue entry; the entry's path takes
// its place. Nobody else makes an entry for such a job: it would have two.
inline constexpr const char* awaits_entry_tag = "awaits-entry";

class Job {
 public:
  // `document` must be an object with a textual `id`, as every answer of the API is; else throws
  // Failure.
  explicit Job(nlohmann::json document);

  const std::string& id() const { return id_; }
  // Nothing when missing or not a non-blank string.
  std::optional<std::string> action() const;
  // Nothing for a state this engine does not know.
  std::optional<JobState> state() const;
  // 0 for what cannot be read as an integer, as in the Python engine ("2.0" is 0).
  int version() const;
  ExecutionMode execution_mode() const;  // Push when missing or unknown
  std::optional<int> priority() const;
  int progress() const;
  // The text of `payload`, holding JSON; empty when there is none.
  std::string payload() const;
  // target-resource/href; empty when there is none.
  std::string target() const;
  std::string parent_job() const;
  std::string status_message() const;

  const nlohmann::json& document() const { return document_; }

 private:
  std::string text_of(std::string_view attribute) const;

  nlohmann::json document_;
  std::string id_;
};

// "job/<…>" as the API makes ids (spec 2.1).
bool is_job_id(std::string_view text);

}  // namespace jobengine::job
