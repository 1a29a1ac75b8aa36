// The words of the ZooKeeper border: errors, node metadata, operations of a multi. No Z… code
// passes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::zookeeper {

enum class ZnodeError {
  Ok,
  NoNode,
  NodeExists,
  BadVersion,
  NotEmpty,
  NoChildrenForEphemerals,
  NotAllowed,      // ACL or authentication
  BadArguments,    // a malformed path, a request over the server's size limit
  RolledBack,      // inside a failed multi: this operation was not the one that failed
  ConnectionLoss,  // outcome unknown: resolve by looking
  SessionLost,     // the epoch is over (expired, moved, closed); for a write in flight: outcome
                   // unknown
  Other,           // see the text in the log
};

// "no such node"; for messages only.
std::string_view text(ZnodeError error);

// True when a request may or may not have been applied: look before doing anything else.
bool outcome_unknown(ZnodeError error);

// Counts the sessions of one process: 1, 2, …; 0 is none. Whatever ZooKeeper granted belongs to one
// epoch.
using Epoch = std::uint64_t;

struct Stat {
  std::int64_t created_zxid = 0;
  std::int64_t modified_zxid = 0;
  std::int64_t created_ms = 0;  // server's wall clock, ms since 1970
  std::int64_t modified_ms = 0;
  std::int32_t version = 0;
  std::int32_t child_version = 0;
  std::int32_t child_count = 0;
  std::int64_t ephemeral_owner = 0;  // session id, 0 for a persistent node
};

enum class CreateMode { Persistent, Ephemeral, PersistentSequential, EphemeralSequential };

struct CreateReply {
  ZnodeError error = ZnodeError::Ok;
  std::string path;  // with the sequence number
};
struct DataReply {
  ZnodeError error = ZnodeError::Ok;
  std::string data;
  Stat stat;
};
struct StatReply {
  ZnodeError error = ZnodeError::Ok;
  Stat stat;
};
struct ChildrenReply {
  ZnodeError error = ZnodeError::Ok;
  std::vector<std::string> names;  // in no order
  Stat stat;                       // of the parent
};

// One operation of a multi. Build with the functions below.
struct Operation {
  enum class Kind { Create, Remove, Set, Check };
  Kind kind = Kind::Check;
  std::string path;
  std::string data;                          // Create, Set
  CreateMode mode = CreateMode::Persistent;  // Create
  std::int32_t version = any_version;        // Remove, Set, Check

  static constexpr std::int32_t any_version = -1;
};

Operation create_operation(std::string path, std::string data, CreateMode mode);
Operation remove_operation(std::string path, std::int32_t version = Operation::any_version);
Operation set_operation(std::string path, std::string data,
                        std::int32_t version = Operation::any_version);
Operation check_operation(std::string path, std::int32_t version);

// All or nothing. `error` is Ok, or the error of the operation that failed (never RolledBack).
struct MultiReply {
  struct Result {
    ZnodeError error = ZnodeError::Ok;
    std::string path;  // of a Create, with the sequence number
    Stat stat;         // of a Set
  };
  ZnodeError error = ZnodeError::Ok;
  std::vector<Result> results;  // one per operation when the server answered, else empty
};

}  // namespace jobengine::zookeeper
