#include "api/store/job_log_reader.hpp"

#include <algorithm>
#include <vector>

namespace jobengine::api::store {
namespace {

// Of chunks that may hold what is asked for: ?1 the log, ?2 its attempt or NULL, ?3 the stream by
// its place or NULL.
const std::string matching =
    "log = ?1 AND (?2 IS NULL OR attempt = ?2) AND (?3 IS NULL OR "
    "CASE ?3 WHEN 0 THEN stdout WHEN 1 THEN stderr WHEN 2 THEN log_lines ELSE engine END > 0) ";

void bind_matching(Statement& statement, std::int64_t log, const LogQuery& query) {
  statement.bind(1, log);
  statement.bind(2, query.attempt);
  std::optional<std::int64_t> place;
  if (query.stream) place = static_cast<std::int64_t>(*query.stream);
  statement.bind(3, place);
}

// The lines of one chunk that match.
class Chunk {
 public:
  // A row selected as (position, attempt, first, lines).
  Chunk(const Statement& row, const LogQuery& query)
      : position_(row.integer(0)),
        attempt_(row.integer(1)),
        first_(row.integer(2)),
        text_(row.text(3)) {
    std::string wanted;
    if (query.stream) {
      const auto name = log_stream_names.at(static_cast<std::size_t>(*query.stream));
      wanted = "{\"stream\":\"" + std::string(name) + "\"";
    }
    std::size_t at = 0;
    for (std::int64_t index = 0; at < text_.size(); ++index) {
      const auto end = std::min(text_.find('\n', at), text_.size());
      const auto json = std::string_view(text_).substr(at, end - at);
      const bool behind = !query.from || position_ + index >= *query.from;
      if (behind && json.starts_with(wanted)) lines_.push_back({index, json});
      at = end + 1;
    }
  }

  struct Place {
    std::int64_t index = 0;
    std::string_view json;
  };
  const std::vector<Place>& lines() const { return lines_; }
  LogPage::Line line(const Place& place) const {
    return {position_ + place.index, attempt_, first_ + place.index, std::string(place.json)};
  }

 private:
  std::int64_t position_;
  std::int64_t attempt_;
  std::int64_t first_;
  std::string text_;
  std::vector<Place> lines_;
};

// What still has room on a page.
class Room {
 public:
  explicit Room(const LogQuery& query) : lines_(query.most_lines), bytes_(query.most_bytes) {}

  // Whether that line still goes on the page; false for all that follow, too.
  bool take(std::string_view json) {
    if (lines_ <= 0 || (taken_ && json.size() > bytes_)) {
      lines_ = 0;
      return false;
    }
    taken_ = true;
    --lines_;
    bytes_ -= std::min(bytes_, json.size());
    return true;
  }
  bool none() const { return lines_ <= 0; }

 private:
  std::int64_t lines_;
  std::size_t bytes_;
  bool taken_ = false;
};

}  // namespace

JobLogReader::JobLogReader(Connection& connection)
    : log_(connection,
           "SELECT log, lines FROM resource JOIN job_log ON job = row "
           "WHERE id = ?1 AND collection = 'job'"),
      count_(
          connection,
          "SELECT coalesce(sum(CASE ?3 WHEN 0 THEN stdout WHEN 1 THEN stderr WHEN 2 THEN log_lines "
          "WHEN 3 THEN engine ELSE stdout + stderr + log_lines + engine END), 0) "
          "FROM log_chunk WHERE " +
              matching),
      chunk_at_(connection,
                "SELECT max(position) FROM log_chunk WHERE log = ?1 AND position <= ?2"),
      forward_(connection, "SELECT position, attempt, first, lines FROM log_chunk WHERE " +
                               matching + "AND position >= ?4 ORDER BY position"),
      backward_(connection, "SELECT position, attempt, first, lines FROM log_chunk WHERE " +
                                matching + "ORDER BY position DESC") {}

LogPage JobLogReader::read(const LogQuery& query, const TimeLimit& limit) {
  LogPage page;
  std::int64_t log = 0;
  {
    const Use find(log_);
    find->bind(1, std::string_view(query.job));
    if (!find->step()) return page;
    log = find->integer(0);
    page.next = find->integer(1);
  }
  if (query.counted) {
    page.count = query.attempt || query.stream ? count_of(log, query) : page.next;
  }
  if (query.from) {
    read_on(log, query, limit, page);
  } else {
    read_newest(log, query, limit, page);
  }
  return page;
}

std::int64_t JobLogReader::count_of(std::int64_t log, const LogQuery& query) {
  const Use count(count_);
  bind_matching(count_, log, query);
  return count->step() ? count->integer(0) : 0;
}

std::int64_t JobLogReader::chunk_at(std::int64_t log, std::int64_t position) {
  const Use find(chunk_at_);
  find->bind(1, log);
  find->bind(2, position);
  return find->step() ? find->integer(0) : 0;
}

void JobLogReader::read_on(std::int64_t log, const LogQuery& query, const TimeLimit& limit,
                           LogPage& page) {
  const auto begin = chunk_at(log, *query.from);
  const Use forward(forward_);
  bind_matching(forward_, log, query);
  forward->bind(4, begin);
  Room room(query);
  const auto total = page.next;
  while (forward->step()) {
    const Chunk chunk(forward_, query);
    for (const auto& place : chunk.lines()) {
      auto line = chunk.line(place);
      if (!room.take(place.json)) {
        page.next = line.position;
        page.more = true;
        return;
      }
      page.lines.push_back(std::move(line));
    }
    if (room.none() && !page.lines.empty()) {
      page.next = page.lines.back().position + 1;
      page.more = page.next < total;
      return;
    }
    limit.expect_time();
  }
}

void JobLogReader::read_newest(std::int64_t log, const LogQuery& query, const TimeLimit& limit,
                               LogPage& page) {
  Room room(query);
  if (room.none()) return;
  const Use backward(backward_);
  bind_matching(backward_, log, query);
  while (!room.none() && backward->step()) {
    const Chunk chunk(backward_, query);
    for (auto place = chunk.lines().rbegin(); place != chunk.lines().rend(); ++place) {
      if (!room.take(place->json)) break;
      page.lines.push_back(chunk.line(*place));
    }
    limit.expect_time();
  }
  std::reverse(page.lines.begin(), page.lines.end());
}

}  // namespace jobengine::api::store
