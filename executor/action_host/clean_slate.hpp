// What a run may leave behind in its process. What can be put right is; of the rest it is told, and
// the host is not used again.
#pragma once

#include <sys/stat.h>

#include <csignal>
#include <cstddef>
#include <string>

namespace jobengine::executor {

class CleanSlate {
 public:
  // Notes how things are: after the plugin was loaded, before its first run. Needs
  // runtime::adopt_orphans().
  CleanSlate();
  ~CleanSlate();
  CleanSlate(const CleanSlate&) = delete;
  CleanSlate& operator=(const CleanSlate&) = delete;

  // After a run. Ends every process that it has started and left; puts back the working directory,
  // the file mode mask and what SIGTERM does. Returns why this process must not be used again:
  // "left 3 threads behind"; empty: it may. [action thread]
  std::string restore();

 private:
  int directory_ = -1;
  mode_t mask_ = 0;
  struct sigaction on_terminate_{};
  std::size_t threads_ = 0;
  std::size_t descriptors_ = 0;
};

}  // namespace jobengine::executor
