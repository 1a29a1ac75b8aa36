// Where the C client's error messages go. They come from its threads.
#pragma once

#include <functional>
#include <string>

namespace jobengine::zookeeper {

// By default lines on stderr. `write` is called on threads of the library and must not block; set
// it before the first session. What only repeats the line before within half a minute is dropped.
// [any thread]
void set_client_log(std::function<void(const std::string&)> write);

// The callback the library is given. [any thread]
void write_client_log(const char* message);

}  // namespace jobengine::zookeeper
