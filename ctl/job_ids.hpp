// Ids for jobs to be submitted: who chooses them can repeat a request whose answer was lost.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace jobengine::ctl {

class JobIds {
 public:
  // "job/<uuid>": of version 7, so that they sort as they were made.
  std::string next();

 private:
  std::random_device random_;
  std::uint64_t last_ = 0;
};

}  // namespace jobengine::ctl
