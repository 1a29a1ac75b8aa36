#include "executor/job_log.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "executor/hosts/line_cutter.hpp"
#include "executor/hosts/utf8.hpp"

namespace jobengine::executor {

namespace {

using nlohmann::json;

// The end of an output that is over its limit.
constexpr std::size_t most_last_bytes = 64UL * 1024;
constexpr std::size_t share_of_last = 8;

// What a line costs besides its text: names, time.
constexpr std::size_t line_frame = 80;

constexpr std::size_t longest_tail = 4UL * 1024;

// An API takes ten thousand.
constexpr std::size_t most_lines_at_once = 5000;

const char* name_of(LogStream stream) {
  switch (stream) {
    case LogStream::Stdout:
      return "stdout";
    case LogStream::Stderr:
      return "stderr";
    case LogStream::Log:
      return "log";
    case LogStream::Engine:
      return "engine";
  }
  return "engine";
}

const char* level_name(int level) {
  constexpr std::array names = {"debug", "info", "warning", "error"};
  return names.at(static_cast<std::size_t>(std::clamp(level, 0, 3)));
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

std::string size_text(std::size_t bytes) {
  constexpr std::size_t mebi = 1UL << 20;
  constexpr std::size_t kibi = 1UL << 10;
  if (bytes % mebi == 0) return std::to_string(bytes / mebi) + " MiB";
  if (bytes % kibi == 0) return std::to_string(bytes / kibi) + " KiB";
  return std::to_string(bytes) + " bytes";
}

}  // namespace

std::string log_time(WallTime time) {
  const auto since = time.time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count() % 1000;
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(ms));
  return std::string(date.data()) + fraction.data();
}

JobLog::JobLog(std::size_t limit)
    : limit_(limit), head_limit_(limit - std::min(limit / share_of_last, most_last_bytes)) {
  closed_ = limit == 0;
}

bool JobLog::note(LogStream stream, std::string_view text, WallTime time, int level) {
  tail_.keep(text);
  if (closed_) return false;
  if (!full_ && used_ + text.size() + line_frame > head_limit_) full_ = true;
  if (full_) {
    keep_as_last(stream, text, time, level);
    return false;
  }
  enqueue(stream, text, time, level);
  news_ = true;
  return true;
}

void JobLog::note_engine(std::string_view text, WallTime time, bool is_news) {
  if (closed_) return;
  enqueue(LogStream::Engine, text, time, 0);
  news_ = news_ || is_news;
}

// Replaced bytes are longer: a line may have to be two for the API.
void JobLog::enqueue(LogStream stream, std::string_view text, WallTime time, int level) {
  std::string whole = as_utf8(text);
  std::string_view rest = whole;
  do {
    const std::size_t part = whole_characters(rest, longest_printed_line);
    json line;
    line["stream"] = name_of(stream);
    if (stream == LogStream::Log) line["level"] = level_name(level);
    line["time"] = log_time(time);
    line["text"] = std::string(rest.substr(0, part));
    unsent_.push_back(line.dump());
    held_ += unsent_.back().size();
    if (stream != LogStream::Engine) used_ += unsent_.back().size();
    rest.remove_prefix(part);
  } while (!rest.empty());
}

void JobLog::keep_as_last(LogStream stream, std::string_view text, WallTime time, int level) {
  const std::size_t budget = limit_ - head_limit_;
  last_bytes_ += text.size() + line_frame;
  Line line;
  while (!last_.empty() && last_bytes_ > budget) {
    if (dropped_lines_ == 0) {
      note_engine(text_of_limit() + ": of what follows only the last lines are kept", time, true);
    }
    line = std::move(last_.front());  // its memory serves again
    last_.pop_front();
    last_bytes_ -= line.text.size() + line_frame;
    ++dropped_lines_;
    dropped_bytes_ += line.text.size();
  }
  line.time = time;
  line.stream = stream;
  line.level = level;
  line.text.assign(text);
  last_.push_back(std::move(line));
}

std::string JobLog::text_of_limit() const {
  return "the limit of " + size_text(limit_) + " a run is reached";
}

void JobLog::finish(WallTime time) {
  if (dropped_lines_ > 0) {
    note_engine(std::to_string(dropped_lines_) + " lines, " + std::to_string(dropped_bytes_) +
                    " bytes were dropped: " + text_of_limit(),
                time, true);
  }
  for (const Line& line : last_) {
    if (closed_) break;
    enqueue(line.stream, line.text, line.time, line.level);
    news_ = true;
  }
  figures_.over_limit = dropped_lines_;
  last_.clear();
  last_bytes_ = 0;
}

void JobLog::give_up() {
  figures_.not_taken += unsent_.size();
  unsent_.clear();
  last_.clear();
  last_bytes_ = 0;
  held_ = 0;
  closed_ = true;
}

LogBatch JobLog::next_batch(std::size_t most_bytes) const {
  LogBatch batch;
  batch.first = first_;
  batch.json = "[";
  for (const std::string& line : unsent_) {
    const bool room =
        batch.lines < most_lines_at_once && batch.json.size() + line.size() + 1 <= most_bytes;
    if (batch.lines > 0 && !room) break;
    if (batch.lines > 0) batch.json += ',';
    batch.json += line;
    ++batch.lines;
  }
  batch.json += ']';
  return batch;
}

void JobLog::kept(const LogBatch& batch, std::int64_t next) {
  const std::size_t lines = std::min(batch.lines, unsent_.size());
  for (std::size_t i = 0; i < lines; ++i) {
    figures_.kept_bytes += unsent_.front().size();
    held_ -= unsent_.front().size();
    unsent_.pop_front();
  }
  figures_.kept_lines += lines;
  first_ = next;
}

void JobLog::drop_first() {
  if (unsent_.empty()) return;
  held_ -= unsent_.front().size();
  unsent_.pop_front();
  ++figures_.not_taken;
}

std::string JobLog::tail() const {
  std::string text = as_utf8(tail_.text());
  if (is_blank(text)) return {};
  if (text.size() > longest_tail) {
    // The end is what counts; a line in part only where there is no whole one.
    std::size_t start = text.size() - longest_tail;
    const std::size_t line = text.find('\n', start - 1);
    if (line != std::string::npos && line + 1 < text.size()) {
      start = line + 1;
    } else {
      while ((static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80U) ++start;
    }
    text.erase(0, start);
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return is_blank(text) ? std::string() : text;
}

}  // namespace jobengine::executor
