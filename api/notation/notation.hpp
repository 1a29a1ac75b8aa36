// JSON as it is kept and sent: without blanks. The same as nlohmann::json::parse() and dump() for
// every input, in half their time, by RapidJSON; what that would read or write in another way is
// left to them. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace jobengine::api::notation {

// Throws nlohmann::json::exception.
nlohmann::json parsed(std::string_view text);
// A discarded value when the text is malformed.
nlohmann::json parsed_or_discarded(std::string_view text);

// Characters beyond ASCII stay as they are. Throws nlohmann::json::type_error for a text that is no
// UTF-8.
std::string written(const nlohmann::json& value);
// Characters beyond ASCII are escaped, and what is no UTF-8 is replaced.
std::string written_in_ascii(const nlohmann::json& value);

// Whether written() and written_in_ascii() give the same for what is written so.
bool is_ascii(std::string_view text);

}  // namespace jobengine::api::notation
