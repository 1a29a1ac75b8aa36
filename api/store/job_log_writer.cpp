#include "api/store/job_log_writer.hpp"

#include <algorithm>

namespace jobengine::api::store {

JobLogWriter::JobLogWriter(Connection& connection)
    : row_(connection, "SELECT row FROM resource WHERE id = ?1 AND collection = 'job'"),
      known_(connection, "SELECT lines, bytes, full FROM job_log WHERE job = ?1"),
      next_(connection, "SELECT next FROM log_attempt WHERE job = ?1 AND attempt = ?2"),
      insert_(connection,
              "INSERT INTO log_chunk(job, position, attempt, first, stdout, stderr, log, engine, "
              "lines) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"),
      put_(connection,
           "INSERT INTO job_log(job, lines, bytes, full) VALUES(?1, ?2, ?3, ?4) "
           "ON CONFLICT(job) DO UPDATE SET lines = ?2, bytes = ?3, full = ?4"),
      put_next_(connection,
                "INSERT INTO log_attempt(job, attempt, next) VALUES(?1, ?2, ?3) "
                "ON CONFLICT(job, attempt) DO UPDATE SET next = ?3") {}

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
  const auto next = next_of(*row, append.attempt);
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
  chunk.first = next;
  for (auto line = append.lines.begin() + (next - append.first); line != append.lines.end();
       ++line) {
    const auto size = static_cast<std::int64_t>(line->json.size());
    known.full = known.bytes + size > append.limit;
    chunk.add(known.full ? append.notice : *line);
    known.bytes += known.full ? static_cast<std::int64_t>(append.notice.json.size()) : size;
    if (known.full) break;
  }
  insert(*row, append.attempt, known, chunk);
  known.lines += chunk.lines;
  put(*row, known);
  put_next(*row, append.attempt, result.next);
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
  return {known->integer(0), known->integer(1), known->integer(2) != 0};
}

std::int64_t JobLogWriter::next_of(std::int64_t row, std::int64_t attempt) {
  const Use next(next_);
  next->bind(1, row);
  next->bind(2, attempt);
  return next->step() ? next->integer(0) : 0;
}

void JobLogWriter::insert(std::int64_t row, std::int64_t attempt, const Known& known,
                          const Chunk& chunk) {
  const Use insert(insert_);
  insert->bind(1, row);
  insert->bind(2, known.lines);
  insert->bind(3, attempt);
  insert->bind(4, chunk.first);
  int parameter = 5;
  for (const auto count : chunk.counts) insert->bind(parameter++, count);
  insert->bind(parameter, std::string_view(chunk.text));
  insert->step();
}

void JobLogWriter::put(std::int64_t row, const Known& known) {
  const Use put(put_);
  put->bind(1, row);
  put->bind(2, known.lines);
  put->bind(3, known.bytes);
  put->bind(4, std::int64_t{known.full ? 1 : 0});
  put->step();
}

void JobLogWriter::put_next(std::int64_t row, std::int64_t attempt, std::int64_t next) {
  const Use put(put_next_);
  put->bind(1, row);
  put->bind(2, attempt);
  put->bind(3, next);
  put->step();
}

}  // namespace jobengine::api::store
