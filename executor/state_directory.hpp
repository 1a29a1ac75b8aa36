// What an executor leaves for the one that is started in its place (--state-dir): outcomes that it
// could not record (outcome_journal.hpp), and the ZooKeeper session that holds its locks, so that
// these go at once and not after the session's timeout.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <optional>
#include <string>

#include "common/runtime/asio.hpp"
#include "common/zookeeper/lasting_session.hpp"

namespace jobengine::executor {

// Of an executor that has ended, in whatever way.
struct Predecessor {
  std::string mark;  // of its run, see left_behind.hpp
  zookeeper::SessionCredentials session;
};

// One process at a time has the directory: whoever has it knows that the last one is gone.
class StateDirectory {
 public:
  // Makes it where missing. Throws Failure when that cannot be done, or another process has it.
  explicit StateDirectory(std::string path);
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  // Who was here before; nothing when nobody was, or it has ended its session itself.
  const std::optional<Predecessor>& predecessor() const { return predecessor_; }
  // For the processes this executor starts.
  const std::string& mark() const { return mark_; }
  std::string journal_path() const { return path_ + "/outcomes"; }

  // The session this executor lives in now; without an id: none. Written soon, by a thread of its
  // own, and not synced: after a crash of the machine the session is long over.
  void note_session(const zookeeper::SessionCredentials& session);

 private:
  void read_predecessor();

  std::string path_;
  std::string session_path_;
  std::string mark_;
  int lock_ = -1;
  std::optional<Predecessor> predecessor_;
  asio::thread_pool writer_{1};
};

// Ends what the predecessor has left: first its processes, then, once there are none, its session.
// Gives up at `deadline`; the locks go with the session's timeout then. Returns whether all is
// gone.
awaitable<bool> bury(asio::io_context& loop, Predecessor predecessor,
                     zookeeper::SessionOptions servers, runtime::TimePoint deadline);

}  // namespace jobengine::executor
