// How many documents there are of each kind: changed in the transactions that change the documents,
// read instead of counting. Lives on the writing thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "api/store/sqlite_connection.hpp"

namespace jobengine::api::store {

struct DocumentKind {
  std::string collection;
  std::int64_t acl = 0;
  std::optional<std::string> state;
  std::optional<std::string> action;
  friend auto operator<=>(const DocumentKind&, const DocumentKind&) = default;
};

class Tally {
 public:
  explicit Tally(Connection& connection);

  // Counts of the running transaction, which has just begun.
  void begin() { changes_.clear(); }
  void add(const DocumentKind& kind, std::int64_t documents) { changes_[kind] += documents; }
  // Before the commit.
  void write();

 private:
  void write(const DocumentKind& kind, std::int64_t documents);

  Statement add_;
  Statement end_kind_;
  std::map<DocumentKind, std::int64_t> changes_;
};

}  // namespace jobengine::api::store
