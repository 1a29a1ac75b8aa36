// Outcomes that could not be recorded yet, on disk: what an action has brought about is not lost,
// and its job not run again, only because the API was away when this executor ended or lost its
// lock. One file an outcome, <directory>/<entry name>.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/queue/attempt_record.hpp"
#include "common/queue/entry_name.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::executor {

struct KeptOutcome {
  queue::EntryName entry;
  std::string job_id;
  std::int32_t attempt = 0;  // the one that brought it about
  queue::WallTime ended;
  nlohmann::json edit;  // of the job: a final state, and what belongs to it
  std::string reason;   // for the log
};

// Bytes of the file. Pure.
std::string text_of(const KeptOutcome& outcome);
// Nothing for bytes that are no outcome; `complaint` then says why.
std::optional<KeptOutcome> parse_outcome(std::string_view text, std::string& complaint);

// Lives on the loop; files are written by a thread of its own.
class OutcomeJournal {
 public:
  // Makes the directory and reads what is there: to be called before the loop has work. What is no
  // outcome is told and renamed to *.unreadable. Throws Failure when the directory cannot be used.
  OutcomeJournal(asio::io_context& loop, std::string directory);
  // Waits for what is being written.
  ~OutcomeJournal();
  OutcomeJournal(const OutcomeJournal&) = delete;
  OutcomeJournal& operator=(const OutcomeJournal&) = delete;

  // Returns when it is on disk (fsync), or could not be written, which is told; it is known until
  // this process ends, then.
  awaitable<void> keep(KeptOutcome outcome);
  // It is recorded, or overtaken. Nothing happens when there is none.
  void forget(const queue::EntryName& entry);

  // Null: none. Valid until the next call that changes the journal.
  const KeptOutcome* find(const queue::EntryName& entry, const std::string& job_id) const;
  bool has(const queue::EntryName& entry) const { return outcomes_.contains(entry); }
  std::vector<queue::EntryName> entries() const;
  std::size_t size() const { return outcomes_.size(); }

 private:
  struct Writer;

  void read_all();
  std::string path_of(const queue::EntryName& entry) const;

  std::string directory_;
  std::map<queue::EntryName, KeptOutcome> outcomes_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace jobengine::executor
