// The thread pool of cpprest, one for the process.
#pragma once

namespace jobengine::cimi {

// Starts it with two threads, which are enough for what they do: the loop does the work. Left alone
// the library starts 40. To be called before anything else of the library; again is fine.
// [any thread]
void start_http_threads();

}  // namespace jobengine::cimi
