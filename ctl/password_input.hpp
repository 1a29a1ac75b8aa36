// Where jobctl gets a new password from; never from the command line, which everybody on the
// machine sees.
#pragma once

#include <string>

namespace jobengine::ctl {

// The first line of `file`; of standard input for "-". With "": asked for twice on the terminal,
// without showing it, or the first line of standard input when that is no terminal. Throws
// UsageError when there is none or the two differ.
std::string read_new_password(const std::string& file);

}  // namespace jobengine::ctl
