// A resource API of a few jobs in memory, that can be made to fail at will.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/cimi/client.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::tests {

class MemoryApi final : public cimi::Client {
 public:
  // Adds a QUEUED job of version 2, in push mode, changed by `changes`; returns its id.
  std::string add_job(const std::string& action, const char* changes = "{}");
  nlohmann::json& job(const std::string& id) { return jobs_.at(id); }
  // As if somebody had edited it: it has another ETag now.
  void touch(const std::string& id) { ++versions_.at(id); }
  void remove_job(const std::string& id) { jobs_.erase(id); }

  // The log of a job: lines with their attempt and number.
  const std::vector<nlohmann::json>& log(const std::string& id) { return logs_[id]; }
  // The texts of one stream of it, or of all.
  std::vector<std::string> log_texts(const std::string& id, const std::string& stream = "");
  bool has_logs = true;  // false: like an API that does not know the operation
  int log_requests = 0;  // answered or not

  // Every edit that was applied, in order.
  std::vector<nlohmann::json> edits;

  // Asked before each request; an answer of another kind than Ok is given instead. Unreachable
  // with `applied` set: the edit is made and its answer lost.
  struct Trouble {
    cimi::ReplyKind kind = cimi::ReplyKind::Ok;
    bool applied = false;
    std::shared_ptr<runtime::Event> until = nullptr;  // answered when it is raised
  };
  std::function<Trouble(const cimi::Request&)> trouble;
  // Called after each edit.
  std::function<void(const std::string& id)> after_edit;

  awaitable<cimi::Reply> request(cimi::Request request) override;

 private:
  cimi::Reply answer(const cimi::Request& request);
  cimi::Reply edit(const std::string& id, const cimi::Request& request);
  cimi::Reply append(const std::string& id, const cimi::Request& request);
  cimi::Reply search(const cimi::Request& request) const;

  std::map<std::string, nlohmann::json> jobs_;
  std::map<std::string, int> versions_;
  std::map<std::string, std::vector<nlohmann::json>> logs_;
};

}  // namespace jobengine::tests
