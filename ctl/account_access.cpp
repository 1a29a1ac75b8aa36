#include "ctl/account_access.hpp"

#include <cstdio>

#include "common/program/program.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::ctl {

using nlohmann::json;

awaitable<json> all_of(cimi::Client& client, std::string collection, std::string filter,
                       std::string orderby) {
  cimi::Search search;
  search.filter = std::move(filter);
  search.orderby = std::move(orderby);
  auto found = co_await client.search(std::move(collection), std::move(search));
  const cimi::Reply reply = expect_ok(std::move(found));
  co_return reply.document.value("resources", json::array());
}

awaitable<json> find_user(cimi::Client& client, std::string name) {
  if (name.starts_with("user/")) {
    auto reply = co_await client.get(name);
    co_return expect_ok(std::move(reply)).document;
  }
  auto filter = "name=" + cimi::quoted(name);
  const auto users = co_await all_of(client, "user", std::move(filter), "name:asc");
  if (users.empty()) {
    throw runtime::Failure("there is no user '" + name + "'; jobctl user list shows them");
  }
  co_return users.at(0);
}

void Outcomes::done(const std::string& name, const std::string& what) {
  if (output_ == Output::Table) std::printf("%s %s\n", name.c_str(), what.c_str());
  results_.push_back({{"name", name}, {"done", true}, {"result", what}});
}

void Outcomes::failed(const std::string& name, const std::string& message) {
  all_done_ = false;
  std::fprintf(stderr, "jobctl: %s: %s\n", name.c_str(), message.c_str());
  results_.push_back({{"name", name}, {"done", false}, {"message", message}});
}

int Outcomes::finish() const {
  if (output_ == Output::Json) std::printf("%s\n", results_.dump(2).c_str());
  return all_done_ ? program::exit_ok : program::exit_failure;
}

}  // namespace jobengine::ctl
