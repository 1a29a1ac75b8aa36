// Points of the wall clock, as schedules and the ledger use them. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace jobengine::runtime {

using Instant = std::chrono::sys_time<std::chrono::milliseconds>;
using Span = std::chrono::milliseconds;

// The wall clock.
Instant now();

// "2026-11-21T00:30:00.000Z", the form of the resource API.
std::string text(Instant instant);

// Reads what text() writes, also with fewer or no decimals; nothing for anything else.
std::optional<Instant> parse_instant(std::string_view text);

}  // namespace jobengine::runtime
