#include "api/store/resource_writer.hpp"

#include <array>
#include <utility>

#include "api/notation/notation.hpp"
#include "common/job/job.hpp"
#include "common/job/job_state.hpp"

namespace jobengine::api::store {
namespace {

constexpr std::size_t max_known_acls = 10'000;

bool is_final(const nlohmann::json& document) {
  const auto found = document.find("state");
  if (found == document.end() || !found->is_string()) return false;
  const auto state = job::parse_job_state(found->get_ref<const std::string&>());
  return state && job::is_final(*state);
}

// It is changed again when it ends, or before.
bool is_running(const DocumentKind& kind) {
  return kind.collection == "job" && kind.state == job::text(job::JobState::Running);
}

// ["user/a 3","user/b 1"], as the migration that introduced it writes it.
std::string key_of(const std::map<std::string, Sees>& claims) {
  auto key = nlohmann::json::array();
  for (const auto& [claim, sees] : claims) {
    key.push_back(claim + " " + std::to_string(static_cast<int>(sees)));
  }
  return key.dump();
}

DocumentKind kind_at(const Statement& row, std::string collection, int first_column) {
  const auto text = [&row](int column) -> std::optional<std::string> {
    if (row.is_null(column)) return std::nullopt;
    return row.text(column);
  };
  DocumentKind kind;
  kind.collection = std::move(collection);
  kind.acl = row.integer(first_column);
  kind.state = text(first_column + 1);
  kind.action = text(first_column + 2);
  return kind;
}

constexpr int first_column_parameter = 4;  // behind row or id, document and revision

constexpr std::array<std::string_view, std::tuple_size_v<ResourceWriter::Columns>> column_names = {
    "awaits_entry", "created",    "updated",        "acl",      "state", "action",
    "target",       "parent_job", "execution_mode", "priority", "name"};

ResourceWriter::Columns columns_of(bool awaits_entry, std::int64_t acl, PlainColumns plain) {
  return {std::int64_t{awaits_entry ? 1 : 0},
          plain.created,
          plain.updated,
          acl,
          std::move(plain.state),
          std::move(plain.action),
          std::move(plain.target),
          std::move(plain.parent_job),
          std::move(plain.execution_mode),
          plain.priority,
          std::move(plain.name)};
}

// "created = ?5"
std::string assignment(std::size_t column) {
  return std::string(column_names[column]) + " = ?" +
         std::to_string(first_column_parameter + static_cast<int>(column));
}

// A bit a column.
std::string update_of(unsigned changed) {
  std::string changes = "document = ?2, revision = ?3";
  for (std::size_t i = 0; i < column_names.size(); ++i) {
    if ((changed >> i & 1U) != 0) changes += ", " + assignment(i);
  }
  return "UPDATE resource SET " + changes + " WHERE row = ?1";
}

std::string insertion() {
  std::string names = "id, document, revision";
  std::string values = "?1, ?2, ?3";
  int parameter = first_column_parameter;
  for (const auto name : column_names) {
    names += ", " + std::string(name);
    values += ", ?" + std::to_string(parameter++);
  }
  return "INSERT INTO resource(" + names + ", collection) VALUES(" + values + ", ?" +
         std::to_string(parameter) + ") RETURNING row";
}

// Those that differ from what they were; all, when they were nothing.
void bind_columns(Statement& statement, const ResourceWriter::Columns& columns,
                  const ResourceWriter::Columns* before) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (before != nullptr && columns[i] == (*before)[i]) continue;
    const int parameter = first_column_parameter + static_cast<int>(i);
    std::visit([&](const auto& value) { statement.bind(parameter, value); }, columns[i]);
  }
}

}  // namespace

ResourceWriter::ResourceWriter(Connection& connection)
    : connection_(connection),
      begin_(connection, "BEGIN IMMEDIATE"),
      commit_(connection, "COMMIT"),
      last_revision_(connection, "SELECT last FROM revision"),
      get_(connection,
           "SELECT id, document, revision, awaits_entry, row, acl, state, action FROM resource "
           "WHERE id = ?1"),
      insert_(connection, insertion()),
      note_entry_(connection, "UPDATE resource SET document = ?2, awaits_entry = 0 WHERE row = ?1"),
      remove_(connection, "DELETE FROM resource WHERE id = ?1"),
      find_acl_(connection, "SELECT acl FROM acl_set WHERE claims = ?1"),
      add_acl_(connection, "INSERT INTO acl_set(claims) VALUES(?1) RETURNING acl"),
      add_claim_(connection, "INSERT INTO acl_claim(claim, acl, sees) VALUES(?1, ?2, ?3)"),
      // The tally does not know yet what the transaction has put.
      remove_unused_acl_(connection,
                         "DELETE FROM acl_set WHERE acl = ?1 AND NOT EXISTS "
                         "(SELECT 1 FROM resource WHERE acl = ?1) RETURNING claims"),
      remove_claim_(connection, "DELETE FROM acl_claim WHERE claim = ?1 AND acl = ?2"),
      put_setting_(connection,
                   "INSERT INTO setting(name, value) VALUES(?1, ?2) "
                   "ON CONFLICT(name) DO UPDATE SET value = ?2"),
      put_revision_(connection, "UPDATE revision SET last = ?1"),
      data_version_(connection, "PRAGMA data_version"),
      add_tag_(connection, "INSERT INTO tag(value, row) VALUES(?1, ?2)"),
      remove_tag_(connection, "DELETE FROM tag WHERE value = ?1 AND row = ?2"),
      tally_(connection),
      logs_(connection) {}

void ResourceWriter::begin() {
  {
    const Use begin(begin_);
    begin->step();
  }
  revision_changed_ = false;
  changes_.clear();
  tally_.begin();
  // Changed by another connection, such as that of an operator's tool.
  const Use version(data_version_);
  const auto data_version = version->step() ? version->integer(0) : 0;
  if (std::exchange(known_data_version_, data_version) != data_version) recent_.clear();
}

void ResourceWriter::commit() {
  tally_.write();
  if (revision_changed_) {
    const Use put(put_revision_);
    put->bind(1, revision_);
    put->step();
  }
  const Use commit(commit_);
  commit->step();
}

void ResourceWriter::roll_back() noexcept {
  connection_.roll_back();
  acls_.clear();
  recent_.clear();
}

std::optional<ResourceWriter::Current> ResourceWriter::current(const std::string& id) {
  const Use get(get_);
  get->bind(1, std::string_view(id));
  if (!get->step()) return std::nullopt;
  Current found;
  found.stored = document_of(get_);
  found.row = get->integer(4);
  found.kind = kind_at(get_, collection_of(id), /*first_column=*/5);
  return found;
}

std::optional<ResourceWriter::Current> ResourceWriter::take_current(const std::string& id) {
  if (auto recent = recent_.take(id)) return recent;
  return current(id);
}

std::optional<StoredDocument> ResourceWriter::apply(const Change& change) {
  auto before = take_current(change.id);
  auto decision = change.decide(before ? &before->stored : nullptr);
  switch (decision.kind) {
    case Decision::Kind::Keep:
      break;
    case Decision::Kind::Put:
      return put(change, std::move(decision), before ? &*before : nullptr);
    case Decision::Kind::Remove: {
      if (before) remove(*before);
      return std::nullopt;
    }
  }
  if (!before) return std::nullopt;
  return std::move(before->stored);
}

StoredDocument ResourceWriter::put(const Change& change, Decision decision, const Current* before) {
  StoredDocument next;
  next.id = change.id;
  next.document = std::move(decision.document);
  next.awaits_entry = decision.awaits_entry;
  next.revision = next_revision();
  auto text = notation::written(next.document);
  auto current = put(next, text, before);
  note_change(next.id, &next);
  if (!change.as_text) return next;
  if (is_running(current.kind)) {
    current.stored.id = next.id;
    current.stored.document = std::move(next.document);
    current.stored.revision = next.revision;
    current.stored.awaits_entry = next.awaits_entry;
    recent_.keep(std::move(current), text.size());
  }
  next.document = nullptr;
  next.text = std::move(text);
  return next;
}

void ResourceWriter::remove(const Current& current) {
  const auto& id = current.stored.id;
  const Use remove(remove_);
  remove->bind(1, std::string_view(id));
  remove->step();
  logs_left_ = true;
  tally_.add(current.kind, -1);
  put_tags(current.row, tags_of(current.kind.collection, current.stored.document), {});
  note_change(id, nullptr);
}

ResourceWriter::Current ResourceWriter::put(const StoredDocument& stored, const std::string& text,
                                            const Current* before) {
  Current after;
  auto& kind = after.kind;
  kind.collection = collection_of(stored.id);
  kind.acl = acl_of(claims_of(stored.document));
  auto plain = plain_columns(kind.collection, stored.document);
  kind.state = plain.state;
  kind.action = plain.action;
  const auto columns = columns_of(stored.awaits_entry, kind.acl, std::move(plain));
  after.row = before == nullptr ? insert(stored.id, text, stored.revision, columns) : before->row;
  std::set<std::string> tags_before;
  if (before != nullptr) {
    update(stored.revision, text, columns, *before);
    tally_.add(before->kind, -1);
    tags_before = tags_of(kind.collection, before->stored.document);
  }
  tally_.add(kind, 1);
  put_tags(after.row, tags_before, tags_of(kind.collection, stored.document));
  return after;
}

std::vector<std::string> ResourceWriter::add(const std::vector<NewDocument>& documents) {
  std::vector<std::string> there;
  for (const auto& one : documents) {
    if (!one.may_be_there) continue;
    const Use get(get_);
    get->bind(1, std::string_view(one.id));
    if (get->step()) there.push_back(one.id);
  }
  if (!there.empty()) return there;
  for (const auto& one : documents) {
    const auto acl = acl_of(one.claims);
    const auto columns = columns_of(one.awaits_entry, acl, one.plain);
    const auto revision = next_revision();
    const auto row = insert(one.id, one.text, revision, columns);
    tally_.add({collection_of(one.id), acl, one.plain.state, one.plain.action}, 1);
    put_tags(row, {}, one.tags);
    if (!gathering_) continue;
    const StoredDocument stored{one.id, notation::parsed(one.text), revision, one.awaits_entry, {}};
    note_change(one.id, &stored);
  }
  return there;
}

std::int64_t ResourceWriter::insert(std::string_view id, std::string_view text,
                                    std::int64_t revision, const Columns& columns) {
  const Use insert(insert_);
  insert->bind(1, id);
  insert->bind(2, text);
  insert->bind(3, revision);
  bind_columns(insert_, columns, nullptr);
  insert->bind(first_column_parameter + static_cast<int>(columns.size()),
               std::string_view(collection_of(id)));
  return insert->step() ? insert->integer(0) : 0;
}

void ResourceWriter::update(std::int64_t revision, const std::string& text, const Columns& columns,
                            const Current& before) {
  const auto columns_before =
      columns_of(before.stored.awaits_entry, before.kind.acl,
                 plain_columns(before.kind.collection, before.stored.document));
  unsigned changed = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] != columns_before[i]) changed |= 1U << i;
  }
  auto& update = updates_[changed];
  if (!update) update = std::make_unique<Statement>(connection_, update_of(changed));
  const Use use(*update);
  use->bind(1, before.row);
  use->bind(2, std::string_view(text));
  use->bind(3, revision);
  bind_columns(*update, columns, &columns_before);
  use->step();
}

void ResourceWriter::put_tags(std::int64_t row, const std::set<std::string>& before,
                              const std::set<std::string>& after) {
  const auto change = [row](Statement& statement, const std::string& tag) {
    const Use use(statement);
    use->bind(1, std::string_view(tag));
    use->bind(2, row);
    use->step();
  };
  for (const auto& tag : before) {
    if (!after.contains(tag)) change(remove_tag_, tag);
  }
  for (const auto& tag : after) {
    if (!before.contains(tag)) change(add_tag_, tag);
  }
}

bool ResourceWriter::note_awaited_entry(const Store::EntryMade& made) {
  std::string text;
  std::int64_t row = 0;
  std::int64_t revision = 0;
  {
    const Use get(get_);
    get->bind(1, std::string_view(made.id));
    if (!get->step() || get->integer(3) == 0 || get->text(6) != "QUEUED") return false;
    text = get->text(1);
    revision = get->integer(2);
    row = get->integer(4);
  }
  // Quotes inside of texts are escaped. What stands there twice may be an attribute of another.
  static const std::string awaiting = R"("tags":[")" + std::string(job::awaits_entry_tag) + R"("])";
  const auto at = text.find(awaiting);
  if (at == std::string::npos || text.find(awaiting, at + 1) != std::string::npos) return false;
  text.replace(at, awaiting.size(), R"("tags":)" + nlohmann::json::array({made.path}).dump());
  {
    const Use note(note_entry_);
    note->bind(1, row);
    note->bind(2, std::string_view(text));
    note->step();
  }
  put_tags(row, {std::string(job::awaits_entry_tag)}, {made.path});
  if (gathering_) {
    const StoredDocument stored{made.id, notation::parsed(text), revision, false, {}};
    note_change(made.id, &stored);
  }
  return true;
}

void ResourceWriter::note_entry(const Store::EntryMade& made) {
  recent_.forget(made.id);
  if (note_awaited_entry(made)) return;
  const auto before = current(made.id);
  if (!before) return;
  auto stored = before->stored;
  const bool final = is_final(stored.document);
  // Taken already, and whoever runs it may have set tags that others search for.
  const bool tagged = stored.document.contains("tags");
  if (!stored.awaits_entry && (final || tagged)) return;
  if (!final) stored.document["tags"] = nlohmann::json::array({made.path});
  stored.awaits_entry = false;
  put(stored, notation::written(stored.document), &*before);
  note_change(stored.id, &stored);
}

void ResourceWriter::note_change(const std::string& id, const StoredDocument* after) {
  if (!gathering_) return;
  Committed change;
  change.id = id;
  if (after != nullptr) change.after = std::make_shared<const StoredDocument>(*after);
  changes_.push_back(std::move(change));
}

std::string ResourceWriter::still_matching(const std::vector<std::int64_t>& rows,
                                           const Selection& selection) {
  std::string list;
  for (const auto row : rows) list += (list.empty() ? "" : ",") + std::to_string(row);
  return "row IN (" + list + ") AND " + selection.where;
}

Store::Matched ResourceWriter::decide(const std::vector<std::int64_t>& rows,
                                      const Selection& selection, const Decide& decide) {
  Statement statement(connection_,
                      "SELECT id FROM resource WHERE " + still_matching(rows, selection));
  statement.bind_all(selection.values);
  std::vector<std::string> ids;
  while (statement.step()) ids.push_back(statement.text(0));
  Store::Matched matched;
  for (const auto& id : ids) {
    ++matched.total;
    Change change;
    change.id = id;
    change.decide = [&](const StoredDocument* current) {
      auto decision = decide(current);
      if (decision.kind != Decision::Kind::Keep) ++matched.changed;
      return decision;
    };
    apply(change);
  }
  return matched;
}

std::int64_t ResourceWriter::remove(const std::vector<std::int64_t>& rows,
                                    const Selection& selection) {
  Statement statement(connection_,
                      "DELETE FROM resource WHERE " + still_matching(rows, selection) +
                          " RETURNING id, row, json_object('tags', document -> '$.tags'), acl, "
                          "state, action");
  statement.bind_all(selection.values);
  std::int64_t removed = 0;
  logs_left_ = true;
  while (statement.step()) {
    ++removed;
    const auto id = statement.text(0);
    const auto kind = kind_at(statement, collection_of(id), /*first_column=*/3);
    tally_.add(kind, -1);
    recent_.forget(id);
    put_tags(statement.integer(1), tags_of(kind.collection, notation::parsed(statement.text(2))),
             {});
    note_change(id, nullptr);
  }
  return removed;
}

void ResourceWriter::remove_unused_acls(const std::vector<std::int64_t>& acls) {
  acls_.clear();
  for (const auto acl : acls) {
    const Use remove(remove_unused_acl_);
    remove->bind(1, acl);
    if (!remove->step()) continue;
    const auto key = nlohmann::json::parse(remove->text(0));
    for (const auto& claim_and_sees : key) {
      const auto& text = claim_and_sees.get_ref<const std::string&>();
      const Use remove_claim(remove_claim_);
      remove_claim->bind(1, std::string_view(text).substr(0, text.rfind(' ')));
      remove_claim->bind(2, acl);
      remove_claim->step();
    }
  }
}

void ResourceWriter::put_setting(const std::string& name, const std::string& value) {
  const Use put(put_setting_);
  put->bind(1, std::string_view(name));
  put->bind(2, std::string_view(value));
  put->step();
}

LogAppended ResourceWriter::append_log(const LogAppend& append) {
  const auto appended = logs_.append(append);
  if (gathering_ && appended.added > 0) {
    Committed change;
    change.id = log_id(append.job);
    change.log = true;
    changes_.push_back(std::move(change));
  }
  return appended;
}

std::int64_t ResourceWriter::next_revision() {
  if (!revision_changed_) {
    const Use last(last_revision_);
    revision_ = last->step() ? last->integer(0) : 0;
  }
  revision_changed_ = true;
  return ++revision_;
}

std::int64_t ResourceWriter::acl_of(const std::map<std::string, Sees>& claims) {
  if (const auto known = acls_.find(claims); known != acls_.end()) return known->second;
  const auto key = key_of(claims);
  std::int64_t acl = 0;
  {
    const Use find(find_acl_);
    find->bind(1, std::string_view(key));
    if (find->step()) acl = find->integer(0);
  }
  if (acl == 0) {
    const Use add(add_acl_);
    add->bind(1, std::string_view(key));
    add->step();
    acl = add->integer(0);
    for (const auto& [claim, sees] : claims) {
      const Use add_claim(add_claim_);
      add_claim->bind(1, std::string_view(claim));
      add_claim->bind(2, acl);
      add_claim->bind(3, static_cast<std::int64_t>(sees));
      add_claim->step();
    }
  }
  if (acls_.size() >= max_known_acls) acls_.clear();
  acls_.emplace(claims, acl);
  return acl;
}

}  // namespace jobengine::api::store
