// POST of an array of jobs: all of them are stored, in one transaction, or none.
#include <chrono>
#include <set>

#include "api/cimi/answers.hpp"
#include "api/cimi/call_reader.hpp"
#include "api/cimi/job_collection.hpp"
#include "api/http/request_body.hpp"
#include "common/runtime/crash_point.hpp"

namespace jobengine::api::cimi {
namespace {

// The other connections of the thread are served in between.
constexpr auto busy_at_once = std::chrono::milliseconds(2);
// In a message.
constexpr std::size_t most_named = 20;

CimiError of_element(const CimiError& error, std::size_t element) {
  CimiError told(error.status, "element " + std::to_string(element) + ": " + error.what(),
                 error.resource_id);
  told.element = element;
  return told;
}

CimiError taken(const std::vector<std::string>& ids) {
  std::string text = "conflict with ";
  for (std::size_t i = 0; i < std::min(ids.size(), most_named); ++i) {
    text += (i == 0 ? "" : ", ") + ids[i];
  }
  if (ids.size() > most_named) {
    text += " and " + std::to_string(ids.size() - most_named) + " others";
  }
  return {409, text, ids.front()};
}

// As created_response() for each. The ids need no escapes.
http::Response created_all(const std::vector<std::string>& ids) {
  http::Response response;
  response.status = 201;
  auto& text = response.body;
  text = "[";
  for (const auto& id : ids) {
    if (text.size() > 1) text += ',';
    text.append(R"({"message":")").append(id).append(R"( created","resource-id":")");
    text.append(id).append(R"(","status":201})");
  }
  text += ']';
  return response;
}

}  // namespace

awaitable<http::Response> JobCollection::add(Call call) {
  if (!call.list) co_return co_await Collection::add(std::move(call));
  co_return co_await add_many(std::move(call));
}

store::NewDocument JobCollection::new_element(Call& call, std::string_view text, WallTime now) {
  if (text.size() > call.largest_element) {
    throw CimiError(413,
                    "the job is larger than " + std::to_string(call.largest_element) + " bytes");
  }
  auto body = http::parse_json(text);
  if (!body) throw bad_request("malformed JSON");
  call.body = std::move(*body);
  if (!call.body.is_object()) throw bad_request("expected a JSON object");
  const auto chosen = chosen_id(call);
  auto id = chosen ? *chosen : name() + "/" + new_uuid();
  const auto document = new_document(call, id, now);
  auto made = store::new_document(std::move(id), document);
  made.awaits_entry = awaits_entry(nullptr, document);
  made.may_be_there = chosen.has_value();
  return made;
}

awaitable<std::vector<store::NewDocument>> JobCollection::new_elements(Call call,
                                                                       std::string list) {
  const auto texts = http::array_elements(list, most_jobs_added + 1);
  if (!texts) throw MalformedJson();
  if (texts->empty()) throw bad_request("the array is empty, expected at least one job");
  if (texts->size() > most_jobs_added) {
    throw CimiError(413, "more than " + std::to_string(most_jobs_added) + " jobs in one request");
  }
  const auto now = wall_now();
  std::vector<store::NewDocument> jobs;
  jobs.reserve(texts->size());
  std::set<std::string> chosen;
  auto pause = runtime::Clock::now() + busy_at_once;
  for (std::size_t i = 0; i < texts->size(); ++i) {
    if (runtime::Clock::now() >= pause) {
      co_await asio::post(use_awaitable);
      pause = runtime::Clock::now() + busy_at_once;
    }
    try {
      jobs.push_back(new_element(call, (*texts)[i], now));
      if (jobs.back().may_be_there && !chosen.insert(jobs.back().id).second) {
        throw bad_request("id: " + jobs.back().id + " is that of an element before it");
      }
    } catch (const CimiError& error) {
      throw of_element(error, i);
    }
  }
  co_return jobs;
}

awaitable<http::Response> JobCollection::add_many(Call call) {
  if (!access::allows(acl().add, call.who)) throw credentials_required();
  auto list = std::move(*call.list);
  auto jobs = co_await new_elements(std::move(call), std::move(list));
  std::vector<std::string> ids;
  bool entries_wanted = false;
  for (const auto& job : jobs) {
    ids.push_back(job.id);
    entries_wanted = entries_wanted || job.awaits_entry;
  }
  JE_CRASH_POINT("api.add.before");
  const auto there = co_await store().add(std::move(jobs));
  JE_CRASH_POINT("api.add.stored");
  if (!there.empty()) throw taken(there);
  if (entries_wanted) entry_wanted_();
  co_return created_all(ids);
}

}  // namespace jobengine::api::cimi
