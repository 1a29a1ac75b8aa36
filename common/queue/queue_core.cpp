#include "common/queue/queue_core.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <random>

#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::ZnodeError;

std::string random_taker_id() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::random_device random;
  std::string id(32, '0');
  for (char& digit : id) digit = digits[random() % digits.size()];
  return id;
}

ViewOptions view_options(const QueueOptions& options) {
  ViewOptions view;
  view.head_window = options.head_window;
  view.refresh_spacing = options.refresh_spacing;
  return view;
}

}  // namespace

void session_is_closed() {
  throw runtime::Failure("the queue cannot be reached: the ZooKeeper session is closed");
}

// The stat's child version counts creations and deletions, see docs/protocols/zookeeper.md.
std::int64_t creations(const zookeeper::Stat& folder) {
  // Twice the creations less the children, in 32 bits: it wraps at the 2^30th creation.
  const std::uint32_t twice = static_cast<std::uint32_t>(folder.child_version) +
                              static_cast<std::uint32_t>(folder.child_count);
  return twice / 2;
}

std::int64_t QueueCore::FolderCounts::ended_entries() const {
  return creations(entries) - entries.child_count;
}
std::int64_t QueueCore::FolderCounts::ended_locks() const {
  return creations(taken) - taken.child_count;
}

QueueCore::QueueCore(zookeeper::Session& session, QueueOptions options)
    : session_(&session),
      taker_id_(options.taker_id.empty() ? random_taker_id() : std::move(options.taker_id)),
      entries_path_(options.root + "/entries"),
      taken_path_(options.root + "/taken"),
      attempts_path_(options.root + "/attempts"),
      allotted_path_(options.root + "/allotted"),
      view_(view_options(options)),
      line_(options.root + "/idle"),
      next_sequence_(std::numeric_limits<std::int64_t>::min()) {
  subscription_ = session.subscribe([this](zookeeper::SessionState state, zookeeper::Epoch) {
    if (state == zookeeper::SessionState::Expired) {
      view_.forget_ours();
      line_.forget();
      // What was being tried was dropped, perhaps without a change of the folders.
      listing_due_ = true;
    }
    view_changed();
    wanted_.raise();
    takers_changed_.raise();
  });
}

void QueueCore::abandon() {
  abandoned_ = true;
  subscription_.reset();
  view_changed();
  wanted_.raise();
  takers_changed_.raise();
}

bool QueueCore::closed() const {
  return abandoned_ || session_->state() == zookeeper::SessionState::Closed;
}

std::string QueueCore::entry_path(const EntryName& name) const {
  return entries_path_ + "/" + name.text();
}
std::string QueueCore::lock_path(const EntryName& name) const {
  return taken_path_ + "/" + name.text();
}
std::string QueueCore::record_path(const EntryName& name) const {
  return attempts_path_ + "/" + name.text();
}

zookeeper::Session& QueueCore::session() const {
  if (closed()) session_is_closed();
  return *session_;
}

bool QueueCore::same_epoch(zookeeper::Epoch epoch) const {
  return !closed() && session_->epoch() == epoch && session_->session_id() != 0;
}

bool QueueCore::leased() const {
  return !closed() && zookeeper::LeaseClock::now() < session_->lease_valid_until();
}

void QueueCore::view_changed() {
  view_changed_.raise();
  view_changed_.reset();
}

awaitable<void> QueueCore::ensure_folders() {
  auto self = shared_from_this();
  co_await zookeeper::ensure_path(session(), entries_path_);
  co_await zookeeper::ensure_path(session(), taken_path_);
}

void QueueCore::learn_from(const zookeeper::Stat& entries_stat) {
  next_sequence_ = std::max(next_sequence_, creations(entries_stat));
}

void QueueCore::learn_from(const std::string& created_path) {
  const auto name =
      parse_entry_name(std::string_view(created_path)
                           .substr(std::min(created_path.size(), entries_path_.size() + 1)));
  if (name) next_sequence_ = std::max(next_sequence_, name->sequence + 1);
}

awaitable<QueueCore::Look> QueueCore::look_at(EntryName name) {
  auto self = shared_from_this();
  for (;;) {
    // One after the other on the wire; nobody waits between them.
    auto synced = session().sync(entries_path_);
    auto lock_read = session().exists(lock_path(name));
    auto entry_read = session().exists(entry_path(name));
    const auto ready = co_await std::move(synced);
    const auto lock = co_await std::move(lock_read);
    const auto entry = co_await std::move(entry_read);
    const bool unknown = zookeeper::outcome_unknown(ready) ||
                         zookeeper::outcome_unknown(lock.error) ||
                         zookeeper::outcome_unknown(entry.error);
    if (unknown) continue;
    Look look;
    look.entry_exists = entry.error == ZnodeError::Ok;
    look.version = entry.stat.version;
    if (lock.error == ZnodeError::Ok) {
      const bool ours = !closed() && lock.stat.ephemeral_owner == session_->session_id();
      look.lock = ours ? Lock::Ours : Lock::Others;
    }
    co_return look;
  }
}

void QueueCore::spawn(runtime::Executor loop, awaitable<void> coroutine) {
  // A failure here is a broken invariant: what the outside may do is handled inside.
  auto ended = [self = shared_from_this()](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  };
  asio::co_spawn(loop, std::move(coroutine), ended);
}

}  // namespace jobengine::queue
