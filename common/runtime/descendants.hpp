// The children of this process and theirs: found by the kernel's lists of children
// (/proc/<pid>/task/<tid>/children), and ended.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <vector>

namespace jobengine::runtime {

// From now on, processes whose parent ends become children of this one instead of init's, so that
// daemons cannot slip away. False when the system refuses.
bool adopt_orphans();

// Whether this process has a child, a zombie included. One system call.
bool has_children();

// Direct children of this process, of any of its threads, zombies included.
std::vector<pid_t> children();

// Every descendant of the processes `roots`; without the roots. Takes no memory from the heap, so
// that it works whatever happened to that. Returns how many were written to `found`; what does not
// fit is left out.
std::size_t find_descendants(std::span<const pid_t> roots, std::span<pid_t> found);

// Sends SIGKILL to every descendant there is now, and waits for nothing: for a process that is
// about to end itself. Takes no memory from the heap. [one thread at a time]
void kill_descendants();

// Stops and then kills every descendant of this process, and reaps them; needs adopt_orphans().
// Blocks until none is left, or until `milliseconds` have passed: then false. Every child counts,
// also one that another part of the program has started. Takes no memory from the heap.
bool end_descendants(int milliseconds);

}  // namespace jobengine::runtime
