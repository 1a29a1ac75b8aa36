#include "api/logs/logged_job.hpp"

#include "api/cimi/document_text.hpp"
#include "api/cimi/job_document.hpp"

namespace jobengine::api::logs {

awaitable<std::optional<LoggedJob>> logged_job(store::Store& store, std::string id) {
  const auto stored = co_await store.get_text(std::move(id));
  if (!stored) co_return std::nullopt;
  // Of a payload of any size nothing is needed.
  auto known = cimi::attributes_of(stored->document, {"acl", "state", "updated"});
  if (!known) known = nlohmann::json::parse(stored->document);
  LoggedJob job;
  job.acl = known->value("acl", nlohmann::json::object());
  job.state = known->value("state", std::string());
  if (cimi::is_final_state(*known)) {
    job.ended = cimi::parse_timestamp(known->value("updated", std::string()));
    if (!job.ended) job.ended = cimi::WallTime();
  }
  co_return job;
}

}  // namespace jobengine::api::logs
