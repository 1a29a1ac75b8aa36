#include "api/store/tally.hpp"

namespace jobengine::api::store {
namespace {

const std::string of_kind = " WHERE collection = ?1 AND acl = ?2 AND state IS ?3 AND action IS ?4";

void bind(Statement& statement, const DocumentKind& kind) {
  statement.bind(1, std::string_view(kind.collection));
  statement.bind(2, kind.acl);
  statement.bind(3, kind.state);
  statement.bind(4, kind.action);
}

}  // namespace

Tally::Tally(Connection& connection)
    : add_(connection,
           "UPDATE tally SET documents = documents + ?5" + of_kind + " RETURNING documents"),
      begin_kind_(connection,
                  "INSERT INTO tally(collection, acl, state, action, documents) "
                  "VALUES(?1, ?2, ?3, ?4, ?5)"),
      end_kind_(connection, "DELETE FROM tally" + of_kind) {}

void Tally::write() {
  for (const auto& [kind, documents] : changes_) {
    if (documents != 0) write(kind, documents);
  }
  changes_.clear();
}

void Tally::write(const DocumentKind& kind, std::int64_t documents) {
  std::optional<std::int64_t> left;
  {
    const Use add(add_);
    bind(add_, kind);
    add->bind(5, documents);
    if (add->step()) left = add->integer(0);
  }
  if (left && *left != 0) return;
  Statement& change = left ? end_kind_ : begin_kind_;
  const Use changing(change);
  bind(change, kind);
  if (!left) changing->bind(5, documents);
  changing->step();
}

}  // namespace jobengine::api::store
