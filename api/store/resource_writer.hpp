// Changes of the SQLite store inside a transaction of the one writing connection. Lives on the
// writing thread.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>

#include "api/store/job_log_writer.hpp"
#include "api/store/plain_columns.hpp"
#include "api/store/recent_documents.hpp"
#include "api/store/resource_reader.hpp"

namespace jobengine::api::store {

class ResourceWriter {
 public:
  // What stands beside the document, in the order in which the writer names it.
  using ColumnValue = std::variant<std::optional<std::int64_t>, std::optional<std::string>>;
  using Columns = std::array<ColumnValue, 11>;

  explicit ResourceWriter(Connection& connection);

  // Whether changes() is wanted of the following transactions.
  void gather_changes(bool wanted) { gathering_ = wanted; }
  // What the last transaction changed, in order.
  const std::vector<Committed>& changes() const { return changes_; }

  void begin();
  // Durable when it returns.
  void commit();
  void roll_back() noexcept;

  // What the document is afterwards.
  std::optional<StoredDocument> apply(const Change& change);
  // All of them, unless some are there already, whose ids are returned.
  std::vector<std::string> add(const std::vector<NewDocument>& documents);
  // Unless the job is final, or was taken and given tags before we came to note its entry, its tags
  // become [path]; either way it waits no more. The revision
  // stays: who has just read the job and edits it with If-Match must not fail because of our
  // book-keeping.
  void note_entry(const Store::EntryMade& made);
  // Decides on those of the rows that still match.
  Store::Matched decide(const std::vector<std::int64_t>& rows, const Selection& selection,
                        const Decide& decide);
  // Removes those of the rows that still match. Returns how many.
  std::int64_t remove(const std::vector<std::int64_t>& rows, const Selection& selection);
  // Forgets those of these sets of claims that no document has.
  void remove_unused_acls(const std::vector<std::int64_t>& acls);
  void put_setting(const std::string& name, const std::string& value);
  LogAppended append_log(const LogAppend& append);
  // Whether logs of jobs that are gone may be left to be removed; sweep_logs() removes some.
  bool logs_left() const { return logs_left_; }
  void leave_logs() { logs_left_ = false; }
  void sweep_logs() { logs_left_ = logs_.sweep(); }
  // Between transactions: nothing is likely to be changed again soon.
  void rest() { recent_.clear(); }

 private:
  using Current = CurrentDocument;
  std::optional<Current> current(const std::string& id);
  // The same, and not among the recent ones any more.
  std::optional<Current> take_current(const std::string& id);
  // The usual case of note_entry(), without a look at the rest of the document. False: it is
  // another.
  bool note_awaited_entry(const Store::EntryMade& made);
  // Returns what it is from now on, but for the document.
  Current put(const StoredDocument& stored, const std::string& text, const Current* before);
  StoredDocument put(const Change& change, Decision decision, const Current* before);
  // Returns its row.
  std::int64_t insert(std::string_view id, std::string_view text, std::int64_t revision,
                      const Columns& columns);
  // Writes those columns that differ.
  void update(std::int64_t revision, const std::string& text, const Columns& columns,
              const Current& before);
  void remove(const Current& current);
  void put_tags(std::int64_t row, const std::set<std::string>& before,
                const std::set<std::string>& after);
  void note_change(const std::string& id, const StoredDocument* after);
  // The SQL condition for those of the rows that still match.
  static std::string still_matching(const std::vector<std::int64_t>& rows,
                                    const Selection& selection);
  std::int64_t next_revision();
  std::int64_t acl_of(const std::map<std::string, Sees>& claims);

  Connection& connection_;
  Statement begin_;
  Statement commit_;
  Statement last_revision_;
  Statement get_;
  Statement insert_;
  Statement note_entry_;
  // By what they set, a bit a column: an index none of whose columns is set costs nothing.
  std::unordered_map<unsigned, std::unique_ptr<Statement>> updates_;
  Statement remove_;
  Statement find_acl_;
  Statement add_acl_;
  Statement add_claim_;
  Statement remove_unused_acl_;
  Statement remove_claim_;
  Statement put_setting_;
  Statement put_revision_;
  Statement data_version_;
  Statement add_tag_;
  Statement remove_tag_;
  Tally tally_;
  RecentDocuments recent_;
  std::int64_t known_data_version_ = 0;  // what is recent is of this one
  JobLogWriter logs_;
  bool logs_left_ = true;  // by the process before

  bool gathering_ = false;
  std::vector<Committed> changes_;

  std::int64_t revision_ = 0;  // of the running transaction
  bool revision_changed_ = false;
  // Known sets of claims; emptied by a roll back, which may take some of them away.
  std::map<std::map<std::string, Sees>, std::int64_t> acls_;
};

}  // namespace jobengine::api::store
