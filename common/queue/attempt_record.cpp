#include "common/queue/attempt_record.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <utility>

namespace jobengine::queue {

namespace {

using nlohmann::json;

constexpr std::size_t longest_how = 500;
// Deeper nesting is no record of ours; writing it again would cost stack for every level.
constexpr int deepest = 50;

bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') ++i;
    if (c == '"') in_string = !in_string;
    if (in_string) continue;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > deepest) return true;
  }
  return false;
}

// The digits from `at` on, as many as there are up to `count`; nothing when they are fewer.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// Milliseconds of ".123456"; nothing for another form.
std::optional<int> fraction_ms(std::string_view text) {
  if (text.empty()) return 0;
  if (text.size() < 2 || text.size() > 10 || text.front() != '.') return std::nullopt;
  int value = 0;
  for (std::size_t i = 1; i <= 3; ++i) {
    const char c = i < text.size() ? text[i] : '0';
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  for (const char c : text.substr(std::min<std::size_t>(4, text.size()))) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  return value;
}

std::string expected(const char* member, const char* what) {
  return std::string("its \"") + member + "\" is not " + what;
}

json take_member(json& document, const char* name) {
  const auto found = document.find(name);
  if (found == document.end()) return nullptr;
  json value = std::move(*found);
  document.erase(found);
  return value;
}

std::string text_or_empty(const json& document, const char* name) {
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<std::int32_t> small_count(const json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  const auto number = value.get<std::int64_t>();
  if (number < 0 || number > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return static_cast<std::int32_t>(number);
}

// A note that cannot be read is not worth the record.
std::vector<AttemptNote> notes_of(const json& list) {
  std::vector<AttemptNote> notes;
  if (!list.is_array()) return notes;
  for (const json& one : list) {
    if (!one.is_object()) continue;
    const auto number = one.find("attempt");
    const auto attempt = number != one.end() ? small_count(*number) : std::nullopt;
    AttemptNote note;
    note.ended = parse_rfc3339(text_or_empty(one, "ended"));
    if (!attempt || note.ended.has_value() != one.contains("ended")) continue;
    note.attempt = *attempt;
    note.taker = text_or_empty(one, "taker");
    note.executor = text_or_empty(one, "executor");
    note.began = parse_rfc3339(text_or_empty(one, "began"));
    note.how = text_or_empty(one, "how");
    notes.push_back(std::move(note));
  }
  return notes;
}

std::int32_t ended_notes(const std::vector<AttemptNote>& notes) {
  return static_cast<std::int32_t>(std::count_if(
      notes.begin(), notes.end(), [](const AttemptNote& note) { return note.ended; }));
}

// Fills `record`; returns what is wrong, or nothing.
std::string read_members(json document, AttemptRecord& record) {
  if (const json job = take_member(document, "job"); job.is_string()) {
    record.job = job.get<std::string>();
  } else {
    return expected("job", "a text");
  }
  if (const json checkpoint = take_member(document, "checkpoint"); checkpoint.is_string()) {
    record.checkpoint = checkpoint.get<std::string>();
  } else if (!checkpoint.is_null()) {
    return expected("checkpoint", "a text");
  }
  if (!record.checkpoint.empty() && !json::accept(record.checkpoint)) {
    return expected("checkpoint", "the text of JSON");
  }
  if (const json retries = take_member(document, "retries"); !retries.is_null()) {
    const auto count = small_count(retries);
    if (!count) return expected("retries", "a number from 0 on");
    record.retries = *count;
  }
  if (const json not_before = take_member(document, "not-before"); !not_before.is_null()) {
    if (not_before.is_string()) record.not_before = parse_rfc3339(not_before.get<std::string>());
    if (!record.not_before) return expected("not-before", "a time like 2026-01-31T12:00:00.000Z");
  }
  record.attempts = notes_of(take_member(document, "attempts"));
  if (const json orderly = take_member(document, "orderly"); !orderly.is_null()) {
    const auto count = small_count(orderly);
    if (!count) return expected("orderly", "a number from 0 on");
    record.orderly = *count;
  } else {
    record.orderly = ended_notes(record.attempts);
  }
  record.others = std::move(document);
  return {};
}

}  // namespace

void AttemptRecord::note(AttemptNote latest) {
  if (latest.how.size() > longest_how) latest.how.resize(longest_how);
  const auto known = std::find_if(attempts.begin(), attempts.end(), [&](const AttemptNote& one) {
    return one.attempt == latest.attempt;
  });
  bool counted = false;
  if (known != attempts.end()) {
    counted = known->ended.has_value();
    if (latest.taker.empty()) latest.taker = known->taker;
    if (latest.executor.empty()) latest.executor = known->executor;
    if (!latest.began) latest.began = known->began;
    attempts.erase(known);
  }
  if (latest.ended && !counted) ++orderly;
  attempts.push_back(std::move(latest));
  while (attempts.size() > most_notes) attempts.erase(attempts.begin());
}

bool AttemptRecord::has_ended(std::int32_t attempt) const {
  return std::any_of(attempts.begin(), attempts.end(), [&](const AttemptNote& note) {
    return note.attempt == attempt && note.ended;
  });
}

std::int32_t AttemptRecord::unclean_before(std::int32_t attempt) const {
  // What ended in order and is not before it is this very attempt.
  const auto later = std::count_if(attempts.begin(), attempts.end(), [&](const AttemptNote& note) {
    return note.ended && note.attempt >= attempt;
  });
  return std::max(0, attempt - 1 - (orderly - static_cast<std::int32_t>(later)));
}

std::string rfc3339(WallTime time) {
  using namespace std::chrono;
  const auto ms = floor<milliseconds>(time);
  const auto midnight = floor<days>(ms);
  const year_month_day date(midnight);
  const hh_mm_ss<milliseconds> clock(ms - midnight);
  char text[64];
  std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view form = "0000-00-00T00:00:00";
  if (text.size() <= form.size() || text.back() != 'Z') return std::nullopt;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] != '0' && text[i] != form[i]) return std::nullopt;
  }
  const auto y = digits(text, 0, 4);
  const auto mo = digits(text, 5, 2);
  const auto d = digits(text, 8, 2);
  const auto h = digits(text, 11, 2);
  const auto mi = digits(text, 14, 2);
  const auto s = digits(text, 17, 2);
  const auto ms = fraction_ms(text.substr(form.size(), text.size() - form.size() - 1));
  if (!y || !mo || !d || !h || !mi || !s || !ms) return std::nullopt;
  const year_month_day date(year(*y), month(static_cast<unsigned>(*mo)),
                            day(static_cast<unsigned>(*d)));
  // What a clock of nanoseconds in 64 bits can say.
  const bool in_range = *y >= 1970 && *y < 2262 && date.ok() && *h < 24 && *mi < 60 && *s <= 60;
  if (!in_range) return std::nullopt;
  return WallTime(sys_days(date)) + hours(*h) + minutes(*mi) + seconds(*s) + milliseconds(*ms);
}

std::string text_of(const AttemptRecord& record) {
  json document = record.others.is_object() ? record.others : json::object();
  document["job"] = record.job;
  if (!record.checkpoint.empty()) document["checkpoint"] = record.checkpoint;
  if (record.retries != 0) document["retries"] = record.retries;
  if (record.orderly != 0) document["orderly"] = record.orderly;
  if (record.not_before) document["not-before"] = rfc3339(*record.not_before);
  for (const AttemptNote& note : record.attempts) {
    json one;
    one["attempt"] = note.attempt;
    one["taker"] = note.taker;
    if (!note.executor.empty()) one["executor"] = note.executor;
    if (note.began) one["began"] = rfc3339(*note.began);
    if (note.ended) one["ended"] = rfc3339(*note.ended);
    if (!note.how.empty()) one["how"] = note.how;
    document["attempts"].push_back(std::move(one));
  }
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<AttemptRecord> parse_attempt_record(std::string_view text, std::string& complaint) {
  complaint.clear();
  std::optional<AttemptRecord> record;
  json document;
  if (!too_deep(text)) document = json::parse(text, nullptr, false);
  if (!document.is_object()) {
    complaint = "it is no JSON object";
    return record;
  }
  record.emplace();
  complaint = read_members(std::move(document), *record);
  if (!complaint.empty()) record.reset();
  return record;
}

}  // namespace jobengine::queue
