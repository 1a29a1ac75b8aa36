#include "common/queue/idle_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "common/queue/queue_core.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::Operation;
using zookeeper::ZnodeError;

constexpr std::string_view member_prefix = "idle-";
// Numbers are given one after the other and mostly those in front leave: the one before us is near.
constexpr std::size_t probes = 3;

std::int64_t number_in(std::string_view name) {
  if (!name.starts_with(member_prefix)) return -1;
  name.remove_prefix(member_prefix.size());
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? number : -1;
}

std::int64_t number_in_path(std::string_view path) {
  return number_in(path.substr(path.rfind('/') + 1));
}

[[noreturn]] void refuse(const std::string& path, ZnodeError error) {
  throw runtime::Failure("cannot stand in the line " + path + ": " + std::string(text(error)));
}

}  // namespace

std::string IdleLine::path_of(std::int64_t number) const {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%010lld", static_cast<long long>(number));
  return folder_ + "/" + std::string(member_prefix) + digits;
}

void IdleLine::forget() {
  number_ = -1;
  placed_ = false;
  unknown_ = false;
  before_us_.reset();
}

awaitable<void> IdleLine::stand(QueueCore& core) {
  if (!inside()) co_await join(core);
  const bool told = before_us_ && before_us_->raised();
  if (inside() && (!placed_ || told)) co_await find_place(core);
}

awaitable<void> IdleLine::join(QueueCore& core) {
  while (unknown_) co_await remove_unknown(core);
  const zookeeper::Epoch epoch = core.session().epoch();
  const auto made =
      co_await core.session().create(folder_ + "/" + std::string(member_prefix), core.taker_id(),
                                     zookeeper::CreateMode::EphemeralSequential);
  if (made.error == ZnodeError::NoNode) {
    co_await zookeeper::ensure_path(core.session(), folder_);
    co_return;
  }
  const bool other_session = made.error == ZnodeError::Ok && !core.same_epoch(epoch);
  if (made.error == ZnodeError::ConnectionLoss || other_session) {
    // At once: we may not come back before a long job has ended.
    unknown_ = true;
    while (unknown_) co_await remove_unknown(core);
    co_return;
  }
  if (made.error == ZnodeError::SessionLost) co_return;
  if (made.error != ZnodeError::Ok) refuse(folder_, made.error);
  number_ = number_in_path(made.path);
  placed_ = false;
  before_us_.reset();
}

awaitable<void> IdleLine::find_place(QueueCore& core) {
  std::int64_t before = co_await nearest_before(core);
  while (before >= 0 && inside()) {
    auto gone = zookeeper::make_watch();
    const auto seen = co_await core.session().exists(path_of(before), gone);
    if (!inside()) co_return;
    if (seen.error == ZnodeError::Ok) {
      before_us_ = gone;
      placed_ = true;
      co_return;
    }
    before = co_await nearest_listed(core);
  }
  if (!inside()) co_return;
  before_us_.reset();
  placed_ = true;
}

awaitable<void> IdleLine::count(QueueCore& core) {
  const auto folder = co_await core.session().exists(folder_);
  if (folder.error == ZnodeError::Ok) members_ = std::max(1, folder.stat.child_count);
}

// The number of the member before us; -1: there is none.
awaitable<std::int64_t> IdleLine::nearest_before(QueueCore& core) {
  const std::int64_t own = number_;
  auto folder_read = core.session().exists(folder_);
  std::vector<awaitable<zookeeper::StatReply>> reads;
  for (std::size_t i = 1; i <= probes && own >= static_cast<std::int64_t>(i); ++i) {
    reads.push_back(core.session().exists(path_of(own - static_cast<std::int64_t>(i))));
  }
  const auto folder = co_await std::move(folder_read);
  std::int64_t nearest = -1;
  for (std::size_t i = 0; i < reads.size(); ++i) {
    const auto read = co_await std::move(reads[i]);
    const auto number = own - static_cast<std::int64_t>(i) - 1;
    if (read.error == ZnodeError::Ok) nearest = std::max(nearest, number);
  }
  const bool counted = folder.error == ZnodeError::Ok;
  if (counted) members_ = std::max(1, folder.stat.child_count);
  const bool alone = counted && members_ == 1;
  if (nearest >= 0 || alone || !inside()) co_return nearest;
  nearest = co_await nearest_listed(core);
  co_return nearest;
}

awaitable<std::int64_t> IdleLine::nearest_listed(QueueCore& core) {
  // Who does not know that there is somebody before it would watch the folders, too.
  zookeeper::ChildrenReply listing;
  do {
    listing = co_await core.session().children(folder_);
  } while (listing.error == ZnodeError::ConnectionLoss && inside());
  std::int64_t nearest = -1;
  for (const std::string& name : listing.names) {
    const std::int64_t number = number_in(name);
    if (number < number_) nearest = std::max(nearest, number);
  }
  const bool still_there =
      std::any_of(listing.names.begin(), listing.names.end(),
                  [this](const std::string& name) { return number_in(name) == number_; });
  // Removed by somebody (a wiped queue): join anew.
  const bool known = listing.error == ZnodeError::Ok || listing.error == ZnodeError::NoNode;
  if (known && !still_there) forget();
  co_return nearest;
}

awaitable<void> IdleLine::leave(QueueCore& core) {
  if (!inside()) co_return;
  const std::string path = path_of(number_);
  forget();
  // The name is ours alone, so removing it twice does no harm; left there, it would be in
  // everybody's way until we come back.
  ZnodeError error = ZnodeError::ConnectionLoss;
  while (error == ZnodeError::ConnectionLoss) {
    error = co_await core.session().remove(path, Operation::any_version);
  }
}

// A member that does not know that it is one would stand in everybody's way.
awaitable<void> IdleLine::remove_unknown(QueueCore& core) {
  co_await core.session().sync(folder_);
  const auto listing = co_await core.session().children(folder_);
  if (zookeeper::outcome_unknown(listing.error)) co_return;
  unknown_ = false;
  for (const std::string& name : listing.names) {
    const std::string path = folder_ + "/" + name;
    const auto member = co_await core.session().get(path);
    if (zookeeper::outcome_unknown(member.error)) unknown_ = true;  // it may be the one
    if (member.error != ZnodeError::Ok || member.data != core.taker_id()) continue;
    const ZnodeError error = co_await core.session().remove(path, Operation::any_version);
    if (error == ZnodeError::ConnectionLoss) unknown_ = true;
  }
}

}  // namespace jobengine::queue
