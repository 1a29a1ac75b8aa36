// A stored document as text, answered without being parsed as a whole. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::api::cimi {

// These attributes of a document that is written without blanks, as the store writes it; the others
// are skipped. Nothing for a text that cannot be answered as it stands: with characters an answer
// escapes (beyond ASCII, DEL), with an escape in a name, or written in another way.
std::optional<nlohmann::json> attributes_of(std::string_view document,
                                            const std::vector<std::string_view>& names);

// The document with one more attribute, as text. `document` must be an object that is not empty.
std::string with_attribute(std::string document, std::string_view name, std::string_view value);

}  // namespace jobengine::api::cimi
