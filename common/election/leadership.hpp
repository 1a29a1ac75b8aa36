// Leadership as a value with an end.
#pragma once

#include <string>

#include "common/zookeeper/session_lease.hpp"
#include "common/zookeeper/znode.hpp"

namespace jobengine::election {

struct Leadership {
  zookeeper::Epoch epoch = 0;
  std::string node;  // full path of our contender node
};

}  // namespace jobengine::election
