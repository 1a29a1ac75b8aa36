// bulk_*: runs the bulk jobs that the resource API makes of "PATCH <type>/bulk-<operation>". The
// job's action is bulk_<operation>_<type>, its target the collection, its payload: "filter", who
// asked ("authn-info"), and whatever else the operation is to be given.
//
// Does the operation to each resource the filter finds, as the one who asked. Operations that start
// jobs make children of this one; it then stays RUNNING with the tag "monitor", and
// monitor_bulk_job finishes it. A second attempt leaves out the resources that have a child
// already.
#include <algorithm>
#include <chrono>
#include <jobengine/action.hpp>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actions/builtin/bulk_result.hpp"

namespace {

using jobengine::Api;
using jobengine::ApiError;
using jobengine::Job;
using jobengine::Payload;
using jobengine::actions::BulkResult;
using nlohmann::json;

constexpr int most_resources = 10000;
constexpr int accepted = 202;
constexpr int forbidden = 403;
// The result is sent whole each time.
constexpr auto between_reports = std::chrono::milliseconds(500);
constexpr const char* administrators = "group/nuvla-admin";

struct Request {
  std::string operation;  // "stop"
  std::string type;       // "deployment"
  std::string filter;
  std::string identity;  // "user/jane user/jane user/jane group/nuvla-user"
  bool administrator = false;
  json body;  // for each operation
};

std::string text_in(const json& map, const char* key) {
  const auto found = map.find(key);
  if (found == map.end() || !found->is_string() || found->get<std::string>().empty()) {
    Payload::fail(std::string("authn-info\".\"") + key, "a string", map.value(key, json()));
  }
  return found->get<std::string>();
}

void read_identity(const json& who, Request& request) {
  if (!who.is_object()) Payload::fail("authn-info", "a map", who);
  const auto claims = who.value("claims", json::array());
  request.identity = text_in(who, "user-id") + " " + text_in(who, "active-claim");
  if (!claims.is_array()) Payload::fail("authn-info\".\"claims", "a list of strings", claims);
  for (const auto& claim : claims) {
    if (!claim.is_string()) Payload::fail("authn-info\".\"claims", "a list of strings", claims);
    request.identity += " " + claim.get<std::string>();
    request.administrator = request.administrator || claim == administrators;
  }
}

Request read_request(const Job& job) {
  Request request;
  request.type = job.target();
  const auto action = job.document().value("action", std::string());
  const std::string prefix = "bulk_";
  const auto suffix = "_" + request.type;
  const auto rest = prefix.size() + suffix.size();
  if (request.type.empty() || request.type.find('/') != std::string::npos ||
      !action.ends_with(suffix) || action.size() <= rest) {
    throw jobengine::PayloadError("the action " + action +
                                  " is not known: expected bulk_<operation>_<type> with the "
                                  "collection <type> as target resource");
  }
  request.operation = action.substr(prefix.size(), action.size() - rest);
  std::replace(request.operation.begin(), request.operation.end(), '_', '-');
  request.body = job.payload();
  Payload payload(request.body);
  request.filter = payload.text("filter");
  const auto* who = payload.find("authn-info");
  read_identity(who == nullptr ? json() : *who, request);
  request.body.erase("filter");
  request.body.erase("authn-info");
  request.body["low-priority"] = true;
  request.body["parent-job"] = job.id();
  return request;
}

// What became of the resources so far.
class Tally {
 public:
  explicit Tally(std::size_t total) : total_(total) {}

  void queued(const std::string& id) { queued_.push_back(id); }
  void succeeded(const std::string& id) { success_.push_back(id); }
  void failed(const std::string& id, std::string reason) {
    // The same for all resources, so that it is counted as one.
    for (auto at = reason.find(id); at != std::string::npos; at = reason.find(id)) {
      reason.replace(at, id.size(), "the resource");
    }
    ++failed_;
    failures_[reason].push_back(id);
  }

  bool has_children() const { return !queued_.empty(); }
  int progress() const {
    if (total_ == 0) return 100;
    return static_cast<int>((success_.size() + failed_) * 100 / total_);
  }
  std::string text() const {
    json result;
    result["total_actions"] = total_;
    result["success"] = success_;
    result["success_count"] = success_.size();
    result["failed_count"] = failed_;
    result["skipped_count"] = 0;
    result["queued"] = queued_;
    result["queued_count"] = queued_.size();
    result["running"] = json::array();
    result["running_count"] = 0;
    result["jobs_count"] = queued_.size();
    result["error_reasons"] = reasons();
    return BulkResult::parse(result.dump(-1, ' ', false, json::error_handler_t::replace)).text();
  }

 private:
  json reasons() const {
    json list = json::array();
    for (const auto& [reason, ids] : failures_) {
      json one{{"reason", reason}, {"category", "failed"}, {"count", ids.size()}};
      one["data"] = json::array();
      for (const auto& id : ids) one["data"].push_back({{"id", id}, {"count", 1}});
      list.push_back(std::move(one));
    }
    const auto more = [](const json& a, const json& b) {
      return std::pair(b["count"], a["reason"]) < std::pair(a["count"], b["reason"]);
    };
    std::sort(list.begin(), list.end(), more);
    return list;
  }

  std::size_t total_;
  std::size_t failed_ = 0;
  std::vector<std::string> queued_;
  std::vector<std::string> success_;
  std::map<std::string, std::vector<std::string>> failures_;
};

class BulkRun {
 public:
  BulkRun(Job& job, Request request)
      : job_(job),
        request_(std::move(request)),
        own_(job.api()),
        user_(own_.as(request_.identity)) {}

  int run() {
    const bool as_who_asked = believed();
    // An administrator may do what the executor may, which is one too.
    if (!as_who_asked && request_.administrator) user_ = own_;
    if (!as_who_asked && !request_.administrator) {
      return job_.fail(
          "this executor is not trusted to act for others: job-api believes it only behind "
          "--trust-authn-header");
    }
    const auto todo = resources();
    const auto begun = targets_of_children();
    Tally tally(todo.size());
    for (const auto& id : todo) {
      if (job_.stop_requested()) return job_.fail("stopped before the end");
      if (begun.contains(id)) {
        tally.queued(id);
      } else {
        operate(id, tally);
      }
      report(tally);
    }
    return finish(tally);
  }

 private:
  // An API that does not believe the identity takes the request for nobody's, or answers as to the
  // executor, who may do everything: it shows that by offering to edit this job, which who asked
  // may not.
  bool believed() const {
    try {
      const auto seen = user_.get(job_.id());
      const auto operations = seen.value("operations", json::array());
      return request_.administrator ||
             std::none_of(operations.begin(), operations.end(),
                          [](const json& one) { return one.value("rel", "") == "edit"; });
    } catch (const ApiError& error) {
      if (error.status() == forbidden) return false;
      throw;
    }
  }

  std::vector<std::string> resources() const {
    jobengine::Search search;
    search.filter = request_.filter;
    search.select = "id";
    search.orderby = "id";
    search.last = most_resources;
    return ids(user_.search(request_.type, search), "id");
  }

  std::set<std::string> targets_of_children() const {
    std::set<std::string> targets;
    jobengine::Search search;
    search.filter = "parent-job='" + job_.id() + "'";
    search.select = "id, target-resource";
    search.last = most_resources;
    for (const auto& row : own_.search("job", search).value("resources", json::array())) {
      targets.insert(row.value("target-resource", json::object()).value("href", ""));
    }
    return targets;
  }

  static std::vector<std::string> ids(const json& found, const char* key) {
    std::vector<std::string> list;
    for (const auto& row : found.value("resources", json::array())) {
      list.push_back(row.value(key, ""));
    }
    return list;
  }

  void operate(const std::string& id, Tally& tally) const {
    try {
      const auto answer = user_.operation(id, request_.operation, request_.body);
      if (answer.value("status", json(0)) == accepted) {
        tally.queued(id);
      } else {
        tally.succeeded(id);
      }
    } catch (const ApiError& error) {
      tally.failed(id, error.reason().empty() ? error.what() : error.reason());
    }
  }

  void report(const Tally& tally) {
    const auto now = std::chrono::steady_clock::now();
    if (now - reported_ < between_reports) return;
    reported_ = now;
    job_.status(tally.text());
    job_.progress(std::min(tally.progress(), 99));
  }

  int finish(const Tally& tally) {
    job_.status(tally.text());
    if (!tally.has_children()) return 0;
    const auto progress = std::min(tally.progress(), 99);
    job_.progress(progress);
    const json changes{
        {"tags", {"monitor"}}, {"status-message", tally.text()}, {"progress", progress}};
    own_.edit(job_.id(), changes);
    return job_.left_running();
  }

  Job& job_;
  Request request_;
  Api own_;
  Api user_;
  std::chrono::steady_clock::time_point reported_{};
};

class BulkOperation : public jobengine::Action {
 public:
  std::string name() const override { return "bulk_*"; }
  std::string description() const override {
    return "Does an operation to every resource a filter finds; payload: filter, authn-info";
  }

  int run(Job& job) override { return BulkRun(job, read_request(job)).run(); }
};

}  // namespace

JE_EXPORT_ACTION(BulkOperation);
