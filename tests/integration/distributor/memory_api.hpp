// The resource API as a distributor sees it, in memory, with the troubles of a network on demand.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/cimi/client.hpp"

namespace jobengine::tests {

// Lives on the loop.
class MemoryApi final : public cimi::Client {
 public:
  // What happens to a request that is about to be answered.
  enum class Trouble {
    None,
    Unreachable,  // nothing happens, no answer
    AnswerLost,   // it happens, no answer
    Unavailable,
    Invalid,
    Conflict,  // with something else than what was sent
  };

  awaitable<cimi::Reply> request(cimi::Request request) override;

  // Puts a resource there, with id and timestamps as far as missing; returns the id.
  std::string put(const std::string& collection, nlohmann::json document);
  nlohmann::json& at(const std::string& id) { return resources_.at(id); }
  void erase(const std::string& id) { resources_.erase(id); }
  // Of a collection, in the order of creation.
  std::vector<nlohmann::json> all(const std::string& collection) const;

  // Trouble for the next so many requests of that method.
  void trouble(const std::string& method, Trouble kind, int times);

  // Whether who adds a job may choose its id, as in job-api; if not, ids are ignored, as in Nuvla.
  bool ids_count = false;
  // Called before a POST is looked at; false: it and its answer get lost.
  std::function<bool(const nlohmann::json& document)> before_post;

  int posts = 0;      // that made a resource
  int conflicts = 0;  // that were refused because there is one of that id
  int searches = 0;

 private:
  Trouble next_trouble(const std::string& method);
  cimi::Reply add(const std::string& collection, nlohmann::json document);
  cimi::Reply search(const std::string& collection, const std::string& form) const;

  std::map<std::string, nlohmann::json> resources_;
  std::map<std::string, std::pair<Trouble, int>> troubles_;
  int sequence_ = 0;
};

}  // namespace jobengine::tests
