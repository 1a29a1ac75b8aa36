// The collection of a declared resource type: CRUD, query and bulk like every other, JSON patches,
// and operations that make jobs.
#pragma once

#include <functional>

#include "api/cimi/collection.hpp"
#include "api/cimi/generic_type.hpp"

namespace jobengine::api::cimi {

class GenericCollection : public Collection {
 public:
  // `type` must outlive it. `entry_wanted` is called on the io threads after a job that needs a
  // queue entry was committed.
  GenericCollection(store::Store& store, const GenericType& type,
                    std::function<void()> entry_wanted);

  const GenericType& type() const { return type_; }

  Description description() const override;
  awaitable<http::Response> edit(Call call) override;
  awaitable<http::Response> operate(Call call) override;
  awaitable<http::Response> bulk_action(Call call) override;

 protected:
  nlohmann::json new_document(const Call& call, const std::string& id, WallTime now) override;
  nlohmann::json edited_document(const nlohmann::json& current, const Call& call,
                                 WallTime now) override;
  std::vector<std::string> further_operations(const nlohmann::json& document,
                                              const access::Identity& who) const override;
  std::vector<std::string> bulk_actions() const override;
  std::vector<std::string> hidden() const override;

 private:
  // What a transaction of start_job decided.
  struct Attempt;

  awaitable<http::Response> set_attributes(Call call, const GenericOperation* operation);
  awaitable<http::Response> start_job(Call call, const GenericOperation* operation);
  // One transaction: the resource and its job, or neither. `known`: the reusable job, or "".
  awaitable<Attempt> attempt_job(Call call, const GenericOperation* operation, std::string known);
  // An unfinished job of the operation's action on the resource; "" when there is none.
  awaitable<std::string> unfinished_job(std::string resource_id, std::string action);
  awaitable<void> check_parent(Call call);
  awaitable<http::Response> start_bulk(Call call, const GenericOperation* operation);
  awaitable<http::Response> edit_tags(Call call);

  const GenericType& type_;
  std::function<void()> entry_wanted_;
};

}  // namespace jobengine::api::cimi
