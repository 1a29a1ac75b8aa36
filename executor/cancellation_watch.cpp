#include "executor/cancellation_watch.hpp"

#include <algorithm>
#include <utility>

#include "common/job/job.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::executor {

namespace {

constexpr std::size_t most_ids = 100;  // in one search

}  // namespace

CancellationWatch::Watched::Watched(CancellationWatch& watch, std::string job_id, StopOrder& order)
    : watch_(watch), job_id_(std::move(job_id)), order_(order) {
  watch_.watched_.emplace(job_id_, this);
}

CancellationWatch::Watched::~Watched() {
  const auto [first, last] = watch_.watched_.equal_range(job_id_);
  const auto own =
      std::find_if(first, last, [this](const auto& one) { return one.second == this; });
  if (own != last) watch_.watched_.erase(own);
}

awaitable<void> CancellationWatch::run(runtime::Event& stop) {
  while (!stop.raised()) {
    co_await stop.wait_for(interval_);
    std::vector<std::string> ids;
    for (const auto& [id, watched] : watched_) ids.push_back(id);
    for (std::size_t start = 0; start < ids.size() && !stop.raised(); start += most_ids) {
      const auto first = ids.begin() + static_cast<std::ptrdiff_t>(start);
      const auto size = static_cast<std::ptrdiff_t>(std::min(most_ids, ids.size() - start));
      std::vector<std::string> some(first, first + size);
      co_await look(std::move(some));
    }
  }
}

awaitable<void> CancellationWatch::look(std::vector<std::string> ids) {
  cimi::Search search;
  search.filter = "id=" + cimi::quoted_list(ids);
  search.select = {"id", "state"};
  search.last = static_cast<int>(ids.size());
  const cimi::Reply reply = co_await client_.search("job", std::move(search));
  if (!reply.ok()) {
    telemetry::debug("cannot look for cancelled jobs", {{"error", reply.message}});
    co_return;
  }
  const auto resources = reply.document.find("resources");
  if (resources == reply.document.end() || !resources->is_array()) co_return;
  for (const auto& resource : *resources) accept(resource);
}

void CancellationWatch::accept(const nlohmann::json& resource) {
  if (!resource.is_object() || !resource.contains("id")) return;
  const auto state = resource.find("state");
  if (state == resource.end() || !state->is_string()) return;
  const auto known = job::parse_job_state(state->get<std::string>());
  if (!known || !job::is_final(*known)) return;
  const auto id = resource.find("id");
  if (!id->is_string()) return;
  const auto [first, last] = watched_.equal_range(id->get<std::string>());
  for (auto one = first; one != last; ++one) {
    const std::string message = "the job is " + state->get<std::string>();
    one->second->order_.give(ActionEnd::Kind::Canceled, message);
  }
}

}  // namespace jobengine::executor
