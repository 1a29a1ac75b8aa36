// The C client's codes in our words; none of them goes further than its wrapper. Pure.
#pragma once

#include "common/zookeeper/znode.hpp"

namespace jobengine::zookeeper {

ZnodeError error_of(int code);

// Whether a server answered with it: then it has heard the request.
bool made_by_server(int code);

}  // namespace jobengine::zookeeper
