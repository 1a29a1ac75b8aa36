// Timestamps of resources, "2024-05-06T07:08:09.123Z" (spec 2.1), and the ids that carry the time.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace jobengine::api::cimi {

using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

WallTime wall_now();
std::string timestamp(WallTime time);
// Strict: 4-2-2 date, time, at most 3 digits of fraction, zone Z or ±hh:mm (up to 18 hours), a day
// that exists. The same texts are dates in filters.
std::optional<WallTime> parse_timestamp(std::string_view text);

// "Fri, 06 May 2024 07:08:09 GMT", for the Expires of a cookie.
std::string http_date(WallTime time);

// Lower-case, version 7: those of one process sort as they were made, whatever the clock does, so
// jobs of one millisecond keep their order and inserts into the store's index are cheap. Any
// thread.
std::string new_uuid();
// The same text gives the same uuid.
std::string uuid_of(std::string_view text);
// In lower case, of any version.
bool is_uuid(std::string_view text);

}  // namespace jobengine::api::cimi
