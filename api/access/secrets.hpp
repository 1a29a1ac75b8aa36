// Randomness and digests (OpenSSL behind them). [any thread]
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jobengine::api::access {

std::string random_bytes(std::size_t count);
std::string hex(std::string_view bytes);
std::string sha256(std::string_view text);
std::string hmac_sha256(std::string_view key, std::string_view text);
// In a time that depends on the lengths only.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace jobengine::api::access
