// What the commands about users, groups and API keys share.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ctl/api_access.hpp"

namespace jobengine::ctl {

// The document of the user with that name or id (user/…). Throws Failure when there is none, or
// none that one may see.
awaitable<nlohmann::json> find_user(cimi::Client& client, std::string name);

// All rows of a collection one may see, those that the filter lets through ("": all), in that
// order.
awaitable<nlohmann::json> all_of(cimi::Client& client, std::string collection, std::string filter,
                                 std::string orderby);

// Tells how each of several things went, one after the other, so that what fails does not keep the
// rest.
class Outcomes {
 public:
  explicit Outcomes(Output output) : output_(output) {}
  // "jane suspended"
  void done(const std::string& name, const std::string& what);
  void failed(const std::string& name, const std::string& message);
  // Prints what is printed at the end; the exit code.
  int finish() const;

 private:
  Output output_;
  nlohmann::json results_ = nlohmann::json::array();
  bool all_done_ = true;
};

}  // namespace jobengine::ctl
