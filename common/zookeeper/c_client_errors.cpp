#include "common/zookeeper/c_client_errors.hpp"

#include <zookeeper/zookeeper.h>

namespace jobengine::zookeeper {

ZnodeError error_of(int code) {
  switch (static_cast<ZOO_ERRORS>(code)) {
    case ZOK:
      return ZnodeError::Ok;
    case ZNONODE:
      return ZnodeError::NoNode;
    case ZNODEEXISTS:
      return ZnodeError::NodeExists;
    case ZBADVERSION:
      return ZnodeError::BadVersion;
    case ZNOTEMPTY:
      return ZnodeError::NotEmpty;
    case ZNOCHILDRENFOREPHEMERALS:
      return ZnodeError::NoChildrenForEphemerals;
    case ZNOAUTH:
    case ZINVALIDACL:
    case ZAUTHFAILED:
    case ZNOTREADONLY:
    case ZSESSIONCLOSEDREQUIRESASLAUTH:
      return ZnodeError::NotAllowed;
    case ZBADARGUMENTS:
    case ZMARSHALLINGERROR:
      return ZnodeError::BadArguments;
    case ZRUNTIMEINCONSISTENCY:
      return ZnodeError::RolledBack;
    // Throttled and moved requests were not applied; to look first is right for them as well.
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONMOVED:
    case ZTHROTTLEDOP:
      return ZnodeError::ConnectionLoss;
    // Invalid state: the handle has seen its session expire.
    case ZSESSIONEXPIRED:
    case ZINVALIDSTATE:
    case ZCLOSING:
      return ZnodeError::SessionLost;
    case ZSYSTEMERROR:
    case ZDATAINCONSISTENCY:
    case ZUNIMPLEMENTED:
    case ZNEWCONFIGNOQUORUM:
    case ZRECONFIGINPROGRESS:
    case ZSSLCONNECTIONERROR:
    case ZAPIERROR:
    case ZINVALIDCALLBACK:
    case ZNOTHING:
    case ZEPHEMERALONLOCALSESSION:
    case ZNOWATCHER:
    case ZRECONFIGDISABLED:
      return ZnodeError::Other;
  }
  return ZnodeError::Other;
}

bool made_by_server(int code) {
  return code == ZOK || code == ZNONODE || code == ZNODEEXISTS || code == ZBADVERSION ||
         code == ZNOTEMPTY || code == ZNOCHILDRENFOREPHEMERALS || code == ZNOAUTH;
}

}  // namespace jobengine::zookeeper
