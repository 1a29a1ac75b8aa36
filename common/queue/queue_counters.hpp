// What one LockingQueue has done since it was made: for metrics, benchmarks and tests.
#pragma once

#include <cstdint>

namespace jobengine::queue {

struct QueueCounters {
  std::uint64_t multis = 0;            // sent, whatever became of them
  std::uint64_t multi_operations = 0;  // in all of these
  std::uint64_t takes = 0;             // entries locked for a taker
  std::uint64_t lost_races = 0;        // entries tried that were gone or another's
  std::uint64_t consumes = 0;          // entries deleted by their holder
  std::uint64_t puts = 0;              // entries made
  std::uint64_t listings = 0;          // of both folders together
  std::uint64_t listed_names = 0;      // in all of these
  std::uint64_t looks = 0;             // at a folder's counts, without its names
  std::uint64_t allotments = 0;        // of names to this process, to try them undisturbed
  std::uint64_t wake_ups = 0;          // watches of the folders that led to a look or a listing
};

}  // namespace jobengine::queue
