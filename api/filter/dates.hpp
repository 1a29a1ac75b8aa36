// Timestamps, and the date arithmetic of quoted strings in filters (spec 4.3). UTC, milliseconds
// since 1970. Pure: whoever asks says what "now" is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jobengine::api::filter {

using Millis = std::int64_t;

// A full timestamp: YYYY-MM-DDTHH:MM:SS, optionally a fraction of at most 3 digits, and a zone (Z
// or ±hh:mm). Nothing for anything else and for dates no calendar has.
std::optional<Millis> parse_timestamp(std::string_view text);

// "2024-01-31T12:00:00.000Z"
std::string timestamp_text(Millis time);

// What a date expression stands for. "now" is an instant (first = last); "2024-01" or "now/d" is
// all of its month or day, up to its last millisecond.
struct Span {
  Millis first = 0;
  Millis last = 0;
};

// Anchor ("now", or a possibly partial ISO date, followed by "||" when steps follow) and steps
// "+N<unit>", "-N<unit>", "/<unit>" with the units y M w d h H m s; or whole milliseconds since
// 1970. Nothing when the text is none of these.
std::optional<Span> resolve_date(std::string_view text, Millis now);

}  // namespace jobengine::api::filter
