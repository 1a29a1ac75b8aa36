// What is known of a job's earlier attempts: /job/attempts/<entry name>, kept only for entries that
// were not consumed at their first take. Pure. The members: README.md beside this file.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::queue {

using WallTime = std::chrono::system_clock::time_point;

// An attempt that began. What ended it in an orderly way, though not with the job, is noted; one
// that died could not.
struct AttemptNote {
  std::int32_t attempt = 0;
  std::string taker;     // the taker id
  std::string executor;  // its name, for people; empty: not known
  std::optional<WallTime> began;
  std::optional<WallTime> ended;  // nothing: it is under way, or has died
  std::string how;                // it ended
};

struct AttemptRecord {
  // The entry's bytes. A record of another job is none: the names of entries start anew when the
  // queue's folder is made anew.
  std::string job;
  std::string checkpoint;  // JSON text, byte for byte as the action saved it; empty: none
  std::int32_t retries = 0;
  std::int32_t orderly = 0;            // attempts that ended in an orderly way, forgotten ones, too
  std::optional<WallTime> not_before;  // the job must not be run sooner
  std::vector<AttemptNote> attempts;   // the latest, in order
  nlohmann::json others = nlohmann::json::object();  // members of newer engines, kept

  // Replaces what is noted of the same attempt, keeping who and when it began where `latest` does
  // not say. Forgets the oldest beyond `most_notes`, and cuts what is too long to keep.
  void note(AttemptNote latest);

  bool has_ended(std::int32_t attempt) const;
  // How many attempts before `attempt` have died.
  std::int32_t unclean_before(std::int32_t attempt) const;

  static constexpr std::size_t most_notes = 20;
};

// Milliseconds, UTC: "2026-11-21T07:50:11.123Z".
std::string rfc3339(WallTime time);
// With or without a fraction of a second; UTC only. Nothing for anything else.
std::optional<WallTime> parse_rfc3339(std::string_view text);

// Bytes that are no UTF-8 are replaced.
std::string text_of(const AttemptRecord& record);
// Nothing for bytes that are no record; `complaint` then says what is wrong with them.
std::optional<AttemptRecord> parse_attempt_record(std::string_view text, std::string& complaint);

}  // namespace jobengine::queue
