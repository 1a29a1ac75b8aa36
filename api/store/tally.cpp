#include "api/store/tally.hpp"

namespace jobengine::api::store {
namespace {

// The key of a kind: no two kinds share one, whatever their texts hold.
const std::string key = "iif(?3 IS NULL, '', hex(?3) || ':') || coalesce('=' || ?4, '')";

void bind(Statement& statement, const DocumentKind& kind) {
  statement.bind(1, std::string_view(kind.collection));
  statement.bind(2, kind.acl);
  statement.bind(3, kind.state);
  statement.bind(4, kind.action);
}

}  // namespace

Tally::Tally(Connection& connection)
    : add_(connection,
           "INSERT INTO tally(collection, acl, kind, state, action, documents) "
           "VALUES(?1, ?2, " +
               key +
               ", ?3, ?4, ?5) ON CONFLICT(collection, acl, kind) "
               "DO UPDATE SET documents = documents + ?5 RETURNING documents"),
      end_kind_(connection,
                "DELETE FROM tally "
                "WHERE collection = ?1 AND acl = ?2 AND kind = " +
                    key) {}

void Tally::write() {
  for (const auto& [kind, documents] : changes_) {
    if (documents != 0) write(kind, documents);
  }
  changes_.clear();
}

void Tally::write(const DocumentKind& kind, std::int64_t documents) {
  bool ended = false;
  {
    const Use add(add_);
    bind(add_, kind);
    add->bind(5, documents);
    ended = add->step() && add->integer(0) == 0;
  }
  if (!ended) return;
  const Use end(end_kind_);
  bind(end_kind_, kind);
  end->step();
}

}  // namespace jobengine::api::store
