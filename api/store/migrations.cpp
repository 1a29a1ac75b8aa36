#include "api/store/migrations.hpp"

#include <algorithm>
#include <array>

#include "common/runtime/asio.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api::store {
namespace {

constexpr std::int64_t application_id = 0x4A4F4245;  // "JOBE"

// Never change one that has been released: append. All collections share one table; the columns
// behind `acl` are filled for jobs only. Times are milliseconds since 1970.
constexpr std::array<std::string_view, 4> migrations = {R"sql(
CREATE TABLE resource(
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  collection TEXT NOT NULL,
  document TEXT NOT NULL,
  revision INTEGER NOT NULL,
  awaits_entry INTEGER NOT NULL,
  created INTEGER,
  updated INTEGER,
  acl INTEGER NOT NULL,
  state TEXT,
  action TEXT,
  target TEXT,
  parent_job TEXT,
  execution_mode TEXT,
  priority INTEGER
);
-- Each search names its collection, so that every index starts with it: then counts are answered by
-- the index alone. The row ends the order, the acl spares a look at the document.
CREATE INDEX resource_created ON resource(collection, created, row, acl);
CREATE INDEX resource_state ON resource(collection, state, created, row, acl);
CREATE INDEX resource_action ON resource(collection, action, state, created, row, acl);
CREATE INDEX resource_target ON resource(collection, target, created);
CREATE INDEX resource_parent ON resource(collection, parent_job, created) WHERE parent_job IS NOT NULL;
CREATE INDEX job_awaits ON resource(coalesce(priority, 999), created) WHERE awaits_entry = 1;

-- Many documents share one set of claims that may see them: a resource only names its set.
CREATE TABLE acl_set(acl INTEGER PRIMARY KEY, claims TEXT NOT NULL UNIQUE);
CREATE TABLE acl_claim(claim TEXT NOT NULL, acl INTEGER NOT NULL, PRIMARY KEY(claim, acl)) WITHOUT ROWID;

CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- The last revision given to any document: one that is removed and made again gets no old ETag.
CREATE TABLE revision(last INTEGER NOT NULL);
INSERT INTO revision VALUES(0);
)sql",
                                                        R"sql(
-- What a claim shows of a document: 1 its metadata, 2 all but the acl, 3 everything.
ALTER TABLE acl_claim ADD COLUMN sees INTEGER NOT NULL DEFAULT 1;
CREATE TEMP TABLE shown AS
  SELECT row, claim, max(sees) AS sees FROM (
    SELECT resource.row, value AS claim, 3 AS sees FROM resource, json_each(document, '$.acl.owners')
    UNION ALL SELECT resource.row, value, 3 FROM resource, json_each(document, '$.acl."view-acl"')
    UNION ALL SELECT resource.row, value, 2 FROM resource, json_each(document, '$.acl."view-data"')
    UNION ALL SELECT resource.row, value, 1 FROM resource, json_each(document, '$.acl."view-meta"'))
  GROUP BY row, claim;
CREATE TEMP TABLE set_of AS
  SELECT row, json_group_array(claim || ' ' || sees) AS claims
  FROM (SELECT * FROM shown ORDER BY row, claim) GROUP BY row;
DELETE FROM acl_claim;
DELETE FROM acl_set;
INSERT INTO acl_set(claims) SELECT DISTINCT claims FROM set_of;
INSERT INTO acl_set(claims) VALUES('[]') ON CONFLICT DO NOTHING;
INSERT INTO acl_claim(claim, acl, sees)
  SELECT DISTINCT claim, acl, sees FROM shown JOIN set_of USING(row) JOIN acl_set USING(claims);
CREATE UNIQUE INDEX temp.set_of_row ON set_of(row);
UPDATE resource SET acl = (SELECT acl FROM acl_set WHERE claims =
  coalesce((SELECT claims FROM set_of WHERE set_of.row = resource.row), '[]'));
DROP TABLE shown;
DROP TABLE set_of;
)sql",
                                                        R"sql(
-- How many documents there are of each kind, kept by who writes: to count a million takes too long.
-- `kind` is its state and action, because a key has no NULL.
CREATE TABLE tally(
  collection TEXT NOT NULL,
  acl INTEGER NOT NULL,
  kind TEXT NOT NULL,
  state TEXT,
  action TEXT,
  documents INTEGER NOT NULL,
  PRIMARY KEY(collection, acl, kind)
) WITHOUT ROWID;
INSERT INTO tally
  SELECT collection, acl, iif(state IS NULL, '', hex(state) || ':') || coalesce('=' || action, ''), state, action, count(*) FROM resource
  GROUP BY collection, acl, state, action;

-- The tags of jobs, each by itself.
CREATE TABLE tag(value TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY(value, row)) WITHOUT ROWID;
INSERT OR IGNORE INTO tag
  SELECT json_each.value, resource.row FROM resource, json_each(document, '$.tags')
  WHERE collection = 'job' AND json_each.type = 'text';

ALTER TABLE resource ADD COLUMN name TEXT;
UPDATE resource SET name = json_extract(document, '$.name')
  WHERE collection = 'job' AND json_type(document, '$.name') = 'text';
CREATE INDEX resource_name ON resource(collection, name, created) WHERE name IS NOT NULL;
CREATE INDEX resource_updated ON resource(collection, updated, row, acl);
-- For who sees but few.
CREATE INDEX resource_acl ON resource(acl, collection, created, row);
-- The queue keeper reads what waits in the order of the queue from the index alone.
DROP INDEX resource_state;
CREATE INDEX resource_state
  ON resource(collection, state, created, row, acl, priority, execution_mode);
)sql",
                                                        R"sql(
-- The logs of jobs. `job` is the row of the job; NULL when it is gone and the rest is still to be
-- removed: that of a large log takes longer than other writes should wait.
CREATE TABLE job_log(
  log INTEGER PRIMARY KEY,
  job INTEGER UNIQUE,
  lines INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  full INTEGER NOT NULL
);
CREATE TABLE log_attempt(
  log INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  next INTEGER NOT NULL,
  PRIMARY KEY(log, attempt)
) WITHOUT ROWID;
-- `lines`: JSON objects, one a line. What is counted of a chunk stands before its text, so that it
-- is found without reading that.
CREATE TABLE log_chunk(
  chunk INTEGER PRIMARY KEY,
  log INTEGER NOT NULL,
  position INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  first INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  stdout INTEGER NOT NULL,
  stderr INTEGER NOT NULL,
  log_lines INTEGER NOT NULL,
  engine INTEGER NOT NULL,
  lines TEXT NOT NULL
);
CREATE UNIQUE INDEX log_chunk_position ON log_chunk(log, position);
-- However a job is removed. Its row may be used again at once.
CREATE TRIGGER job_log_goes AFTER DELETE ON resource WHEN OLD.collection = 'job' BEGIN
  UPDATE job_log SET job = NULL WHERE job = OLD.row;
END;
)sql"};

void check_owner(Connection& connection, std::int64_t version, const std::string& file) {
  const auto owner = connection.integer("PRAGMA application_id");
  const auto tables = connection.integer("SELECT count(*) FROM sqlite_master");
  if (owner == application_id || (version == 0 && owner == 0 && tables == 0)) return;
  throw runtime::Failure("database " + file +
                         " belongs to another program: expected a database of " +
                         "job-api or a new file");
}

// What each is for, in the log. A large database takes its time: a minute for a million jobs.
constexpr std::array<std::string_view, migrations.size()> purposes = {
    "tables and indexes", "what each claim shows of a document",
    "counts by state, tags and names of jobs, further indexes", "logs of jobs"};

void apply(Connection& connection, std::size_t migration, bool fresh) {
  const auto number = static_cast<std::int64_t>(migration) + 1;
  const auto begin = runtime::Clock::now();
  if (!fresh) {
    telemetry::info(
        "the database is brought to a newer form; requests wait until it is done",
        {{"migration", number}, {"of", migrations.size()}, {"purpose", purposes.at(migration)}});
  }
  connection.run(std::string(migrations.at(migration)));
  connection.run("PRAGMA user_version = " + std::to_string(number));
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(runtime::Clock::now() - begin);
  if (!fresh) {
    telemetry::info("the migration is done", {{"migration", number}, {"ms", took.count()}});
  }
}

}  // namespace

void migrate(Connection& connection, const std::string& file, std::size_t versions) {
  // The lock comes first: another process may be doing the same.
  connection.run("BEGIN IMMEDIATE");
  const auto version = connection.integer("PRAGMA user_version");
  check_owner(connection, version, file);
  if (version > static_cast<std::int64_t>(migrations.size())) {
    throw runtime::Failure("database " + file +
                           " was written by a newer version of this program: " + "its schema is " +
                           std::to_string(version) + ", known are up to " +
                           std::to_string(migrations.size()));
  }
  const auto end = std::min(versions, migrations.size());
  for (auto next = static_cast<std::size_t>(version); next < end; ++next) {
    apply(connection, next, /*fresh=*/version == 0);
  }
  connection.run("PRAGMA application_id = " + std::to_string(application_id));
  connection.run("COMMIT");
}

}  // namespace jobengine::api::store
