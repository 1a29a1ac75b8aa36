// Durations as people write them, in options, YAML files and manifests. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace jobengine::configuration {

// "90s" → 90000 ms. Nothing for anything else than a number with ms, s, m, h, d or nothing
// (seconds) behind it.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace jobengine::configuration
