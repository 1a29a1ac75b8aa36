// The processes of the machine, from /proc.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace jobengine::tests {

struct ProcessRow {
  pid_t pid = 0;
  pid_t parent = 0;
  uid_t user = 0;
  char state = '?';  // Z: has ended, waits to be reaped
  std::string name;
};

std::vector<ProcessRow> all_processes();

// One line of /proc/<pid>/status, in kB: "VmRSS", "VmHWM". 0 when there is none.
long memory_of(pid_t process, const std::string& line);

}  // namespace jobengine::tests
