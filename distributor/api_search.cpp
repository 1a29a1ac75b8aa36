#include "distributor/api_search.hpp"

#include <algorithm>
#include <set>

#include "common/runtime/backoff.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"
#include "distributor/interruptible.hpp"

namespace jobengine::distributor {

namespace {

bool worth_repeating(cimi::ReplyKind kind) {
  switch (kind) {
    case cimi::ReplyKind::Unavailable:
    case cimi::ReplyKind::Unreachable:
    case cimi::ReplyKind::Refused:  // rights and logins get mended
      return true;
    case cimi::ReplyKind::Ok:
    case cimi::ReplyKind::NotFound:
    case cimi::ReplyKind::Conflict:
    case cimi::ReplyKind::PreconditionFailed:
    case cimi::ReplyKind::Invalid:
      return false;
  }
  return false;
}

Rows rows_of(nlohmann::json document) {
  Rows rows;
  const auto resources = document.find("resources");
  if (resources == document.end() || !resources->is_array()) return rows;
  for (nlohmann::json& row : *resources) {
    if (row.is_object() && row.contains("id") && row["id"].is_string())
      rows.push_back(std::move(row));
  }
  return rows;
}

void add_missing(std::vector<std::string>& select, const char* attribute) {
  if (std::find(select.begin(), select.end(), attribute) == select.end()) {
    select.emplace_back(attribute);
  }
}

}  // namespace

awaitable<bool> wait_for_retry(runtime::Duration time, const Pass& pass) {
  const auto left = pass.give_up_at - now();
  if (left <= Span(0)) co_return false;
  const Span limit = std::min(std::chrono::ceil<Span>(time), left);
  const bool interrupted = co_await runtime::pause(limit, *pass.over);
  co_return !interrupted && now() < pass.give_up_at;
}

awaitable<std::optional<Rows>> find_page(cimi::Client& client, std::string collection,
                                         cimi::Search search, const Pass& pass) {
  runtime::Backoff backoff{runtime::BackoffLimits{}};
  for (;;) {
    auto asked = client.search(collection, search);
    auto reply = co_await unless(*pass.over, std::move(asked));
    if (!reply || pass.over->raised()) co_return std::nullopt;
    if (reply->ok() && reply->document.is_object()) co_return rows_of(std::move(reply->document));
    if (!reply->ok() && !worth_repeating(reply->kind)) {
      throw runtime::Failure("the API does not accept the search for " + collection + " (" +
                             search.filter + "): " + reply->message);
    }
    telemetry::warning("search failed, will be repeated",
                       {{"collection", collection}, {"error", reply->message}});
    const auto delay = backoff.next();
    const bool again = co_await wait_for_retry(delay, pass);
    if (!again) co_return std::nullopt;
  }
}

awaitable<std::optional<Rows>> find_all(cimi::Client& client, std::string collection,
                                        std::string filter, std::vector<std::string> select,
                                        const Pass& pass) {
  add_missing(select, "id");
  add_missing(select, "created");
  cimi::Search search;
  search.filter = filter;
  search.orderby = "created:asc";
  search.select = std::move(select);
  search.last = page_size;
  Rows all;
  std::set<std::string> seen;
  for (;;) {
    auto page = co_await find_page(client, collection, search, pass);
    if (!page) co_return std::nullopt;
    const std::size_t length = page->size();
    const std::size_t before = all.size();
    std::string latest;
    for (nlohmann::json& row : *page) {
      latest = row.value("created", latest);
      if (seen.insert(row["id"].get<std::string>()).second) all.push_back(std::move(row));
    }
    if (length < static_cast<std::size_t>(page_size) || all.size() == before || latest.empty())
      break;
    const std::string later = "created>=" + cimi::quoted(latest);
    search.filter = filter.empty() ? later : "(" + filter + ") and " + later;
  }
  co_return all;
}

}  // namespace jobengine::distributor
