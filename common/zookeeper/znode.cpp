#include "common/zookeeper/znode.hpp"

namespace jobengine::zookeeper {

std::string_view text(ZnodeError error) {
  switch (error) {
    case ZnodeError::Ok:
      return "ok";
    case ZnodeError::NoNode:
      return "no such node";
    case ZnodeError::NodeExists:
      return "the node exists already";
    case ZnodeError::BadVersion:
      return "the node has another version";
    case ZnodeError::NotEmpty:
      return "the node has children";
    case ZnodeError::NoChildrenForEphemerals:
      return "an ephemeral node cannot have children";
    case ZnodeError::NotAllowed:
      return "not allowed (ACL or authentication)";
    case ZnodeError::BadArguments:
      return "malformed path or request too large";
    case ZnodeError::RolledBack:
      return "rolled back, another operation of the multi failed";
    case ZnodeError::ConnectionLoss:
      return "connection lost, outcome unknown";
    case ZnodeError::SessionLost:
      return "session lost";
    case ZnodeError::Other:
      return "refused by ZooKeeper or its client library";
  }
  return "unknown error";
}

bool outcome_unknown(ZnodeError error) {
  switch (error) {
    case ZnodeError::ConnectionLoss:
    case ZnodeError::SessionLost:
      return true;
    case ZnodeError::Ok:
    case ZnodeError::NoNode:
    case ZnodeError::NodeExists:
    case ZnodeError::BadVersion:
    case ZnodeError::NotEmpty:
    case ZnodeError::NoChildrenForEphemerals:
    case ZnodeError::NotAllowed:
    case ZnodeError::BadArguments:
    case ZnodeError::RolledBack:
    case ZnodeError::Other:
      return false;
  }
  return false;
}

Operation create_operation(std::string path, std::string data, CreateMode mode) {
  Operation operation;
  operation.kind = Operation::Kind::Create;
  operation.path = std::move(path);
  operation.data = std::move(data);
  operation.mode = mode;
  return operation;
}

Operation remove_operation(std::string path, std::int32_t version) {
  Operation operation;
  operation.kind = Operation::Kind::Remove;
  operation.path = std::move(path);
  operation.version = version;
  return operation;
}

Operation set_operation(std::string path, std::string data, std::int32_t version) {
  Operation operation;
  operation.kind = Operation::Kind::Set;
  operation.path = std::move(path);
  operation.data = std::move(data);
  operation.version = version;
  return operation;
}

Operation check_operation(std::string path, std::int32_t version) {
  Operation operation;
  operation.kind = Operation::Kind::Check;
  operation.path = std::move(path);
  operation.version = version;
  return operation;
}

}  // namespace jobengine::zookeeper
