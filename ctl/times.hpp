// Timestamps of the resource API, and durations as people read them. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace jobengine::ctl {

using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

// "2026-01-31T12:00:00.000Z", as the API writes them; nothing for another form.
std::optional<WallTime> parse_timestamp(std::string_view text);

// The inverse.
std::string timestamp_text(WallTime time);

// "250ms", "1.4s", "1m05s", "3h12m", "4d07h".
std::string duration_text(std::chrono::milliseconds duration);

// How long ago; "" for a text that is no timestamp, "0s" for one in the future.
std::string age_text(std::string_view timestamp, WallTime now);
WallTime wall_now();

}  // namespace jobengine::ctl
