// One request to ZooKeeper and its answer, as values: what LastingSession keeps while it waits for
// a connection, and what the C client's wrapper sends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/zookeeper/watch_table.hpp"
#include "common/zookeeper/znode.hpp"

namespace jobengine::zookeeper {

struct Request {
  enum class Kind { Create, Get, Set, Exists, Children, Remove, Multi, Sync };
  Kind kind = Kind::Get;
  std::string path;  // full path at the server
  std::string data;
  CreateMode mode = CreateMode::Persistent;
  std::int32_t version = Operation::any_version;
  WatchId watch = no_watch;
  std::vector<Operation> operations;  // of a Multi, with full paths
};

struct Reply {
  ZnodeError error = ZnodeError::Ok;
  bool from_server = false;  // else the client library or we ourselves made it up
  std::string text;          // path of a Create, data of a Get
  Stat stat;
  std::vector<std::string> names;
  std::vector<MultiReply::Result> results;
};

// Reads have no effect: one whose answer was lost may be sent again.
bool only_reads(Request::Kind kind);

// Whether the client library may be given the request: absolute paths without NUL bytes, and within
// the size limit of a server, which would otherwise answer by closing the connection.
bool well_formed(const Request& request);

}  // namespace jobengine::zookeeper
