// The job resource (spec section 2): jobs are stored first and queued second, by the feed.
#pragma once

#include <functional>

#include "api/cimi/collection.hpp"
#include "api/cimi/generic_type.hpp"

namespace jobengine::api::cimi {

// By one request.
inline constexpr std::size_t most_jobs_added = 10'000;

class JobCollection : public Collection {
 public:
  // `entry_wanted` is called on the io threads after a job that needs a queue entry was committed.
  // `types` must outlive it: the end of a job may change its target, if that is of one of these.
  JobCollection(store::Store& store, std::function<void()> entry_wanted, const GenericTypes& types);

  // Also of an array of jobs, of which all are added or none.
  awaitable<http::Response> add(Call call) override;
  // An edit may end the job.
  awaitable<http::Response> edit(Call call) override;

  Description description() const override;
  // cancel, timeout, get-context; spec 2.6.
  awaitable<http::Response> operate(Call call) override;

 protected:
  // Administrators choose: who repeats an add with its id makes no second job.
  std::optional<std::string> chosen_id(const Call& call) const override;
  nlohmann::json new_document(const Call& call, const std::string& id, WallTime now) override;
  nlohmann::json edited_document(const nlohmann::json& current, const Call& call,
                                 WallTime now) override;
  std::vector<std::string> further_operations(const nlohmann::json& document,
                                              const access::Identity& who) const override;
  bool editable(const nlohmann::json& document) const override;
  std::vector<std::string_view> operations_hang_on() const override { return {"acl", "state"}; }
  // Not the status message: up to 100000 characters that no index has, as in the original.
  std::vector<std::string> unsearchable() const override;
  bool awaits_entry(const store::StoredDocument* before,
                    const nlohmann::json& after) const override;
  void committed(const store::StoredDocument& stored) override;

 private:
  // One of an array. Throws CimiError.
  store::NewDocument new_element(Call& call, std::string_view text, WallTime now);
  awaitable<std::vector<store::NewDocument>> new_elements(Call call, std::string list);
  awaitable<http::Response> add_many(Call call);

  awaitable<http::Response> cancel(Call call);
  awaitable<http::Response> timeout(Call call);
  awaitable<http::Response> context(Call call);

  enum class How { Edited, Cancelled, TimedOut };
  awaitable<store::StoredDocument> end_job(Call call, Edit decide, How how);
  awaitable<std::string> hooked_target(std::string id);

  std::function<void()> entry_wanted_;
  const GenericTypes& types_;
};

}  // namespace jobengine::api::cimi
