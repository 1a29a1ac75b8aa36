#include "api/store/job_log_writer.hpp"

#include <algorithm>

namespace jobengine::api::store {

JobLogWriter::JobLogWriter(Connection& connection)
    : row_(connection, "SELECT row FROM resource WHERE id = ?1 AND collection = 'job'"),
      known_(connection, "SELECT log, lines, bytes, full FROM job_log WHERE job = ?1"),
      next_(connection, "SELECT next FROM log_attempt WHERE log = ?1 AND attempt = ?2"),
      add_(connection,
           "INSERT INTO job_log(job, lines, bytes, full) VALUES(?1, ?2, ?3, ?4) RETURNING log"),
      put_(connection, "UPDATE job_log SET lines = ?2, bytes = ?3, full = ?4 WHERE log = ?1"),
      put_next_(connection,
                "INSERT INTO log_attempt(log, attempt, next) VALUES(?1, ?2, ?3) "
                "ON CONFLICT(log, attempt) DO UPDATE SET next = ?3"),
      insert_(connection,
              "INSERT INTO log_chunk(log, position, attempt, first, bytes, stdout, stderr, "
              "log_lines, engine, lines) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"),
      left_over_(connection, "SELECT log FROM job_log WHERE job IS NULL LIMIT 1"),
      remove_chunk_(connection,
                    "DELETE FROM log_chunk WHERE chunk = "
                    "(SELECT chunk FROM log_chunk WHERE log = ?1 LIMIT 1) RETURNING bytes"),
      remove_attempts_(connection, "DELETE FROM log_attempt WHERE log = ?1"),
      remove_log_(connection, "DELETE FROM job_log WHERE log = ?1") {}

void JobLogWriter::Chunk::add(const LogLine& line) {
  if (lines > 0) text += '\n';
  text += line.json;
  ++counts.at(static_cast<std::size_t>(line.stream));
  ++lines;
}

LogAppended JobLogWriter::append(const LogAppend& append) {
  LogAppended result;
  const auto row = row_of(append.job);
  if (!row) return result;
  auto known = known_of(*row);
  const auto next = next_of(known.log, append.attempt);
  const auto end = append.first + static_cast<std::int64_t>(append.lines.size());
  result.outcome = LogAppended::Outcome::Kept;
  result.next = std::max(next, end);
  result.full = known.full;
  if (known.full) return result;
  if (append.first > next) {
    result.outcome = LogAppended::Outcome::Gap;
    result.next = next;
    return result;
  }
  if (end <= next) return result;

  Chunk chunk;
  chunk.position = known.lines;
  chunk.first = next;
  for (auto line = append.lines.begin() + (next - append.first);
       line != append.lines.end() && !known.full; ++line) {
    const auto size = static_cast<std::int64_t>(line->json.size());
    known.full = known.bytes + size > append.limit;
    chunk.add(known.full ? append.notice : *line);
    known.bytes += known.full ? static_cast<std::int64_t>(append.notice.json.size()) : size;
  }
  known.lines += chunk.lines;
  const auto log = put(*row, known);
  put_next(log, append.attempt, result.next);
  insert(log, append.attempt, chunk);
  result.added = chunk.lines;
  result.full = known.full;
  return result;
}

std::optional<std::int64_t> JobLogWriter::row_of(const std::string& job) {
  const Use row(row_);
  row->bind(1, std::string_view(job));
  if (!row->step()) return std::nullopt;
  return row->integer(0);
}

JobLogWriter::Known JobLogWriter::known_of(std::int64_t row) {
  const Use known(known_);
  known->bind(1, row);
  if (!known->step()) return {};
  return {known->integer(0), known->integer(1), known->integer(2), known->integer(3) != 0};
}

std::int64_t JobLogWriter::next_of(std::int64_t log, std::int64_t attempt) {
  if (log == 0) return 0;
  const Use next(next_);
  next->bind(1, log);
  next->bind(2, attempt);
  return next->step() ? next->integer(0) : 0;
}

std::int64_t JobLogWriter::put(std::int64_t row, const Known& known) {
  const bool fresh = known.log == 0;
  const Use put(fresh ? add_ : put_);
  put->bind(1, fresh ? row : known.log);
  put->bind(2, known.lines);
  put->bind(3, known.bytes);
  put->bind(4, std::int64_t{known.full ? 1 : 0});
  const bool added = put->step();
  return added ? put->integer(0) : known.log;
}

void JobLogWriter::put_next(std::int64_t log, std::int64_t attempt, std::int64_t next) {
  const Use put(put_next_);
  put->bind(1, log);
  put->bind(2, attempt);
  put->bind(3, next);
  put->step();
}

void JobLogWriter::insert(std::int64_t log, std::int64_t attempt, const Chunk& chunk) {
  const Use insert(insert_);
  insert->bind(1, log);
  insert->bind(2, chunk.position);
  insert->bind(3, attempt);
  insert->bind(4, chunk.first);
  insert->bind(5, static_cast<std::int64_t>(chunk.text.size()));
  int parameter = 6;
  for (const auto count : chunk.counts) insert->bind(parameter++, count);
  insert->bind(parameter, std::string_view(chunk.text));
  insert->step();
}

bool JobLogWriter::sweep() {
  constexpr std::int64_t enough_bytes = 1024 * 1024;
  constexpr int enough_chunks = 200;
  std::int64_t bytes = 0;
  auto log = left_over();
  for (int chunks = 0; log != 0 && chunks < enough_chunks && bytes < enough_bytes; ++chunks) {
    const auto removed = remove_chunk(log);
    bytes += removed;
    if (removed != 0) continue;
    remove_log(log);
    log = left_over();
  }
  return log != 0;
}

std::int64_t JobLogWriter::left_over() {
  const Use find(left_over_);
  return find->step() ? find->integer(0) : 0;
}

std::int64_t JobLogWriter::remove_chunk(std::int64_t log) {
  const Use remove(remove_chunk_);
  remove->bind(1, log);
  return remove->step() ? remove->integer(0) : 0;
}

void JobLogWriter::remove_log(std::int64_t log) {
  const Use attempts(remove_attempts_);
  attempts->bind(1, log);
  attempts->step();
  const Use remove(remove_log_);
  remove->bind(1, log);
  remove->step();
}

}  // namespace jobengine::api::store
