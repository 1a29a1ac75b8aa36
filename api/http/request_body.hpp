// Request bodies: JSON with a bounded depth, and gzip with a bounded size. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::api::http {

// A document of our own making is never nearly as deep; copying one of 100 000 levels would
// overflow the stack.
inline constexpr int deepest_json = 64;

// Nothing for malformed JSON (text that is not UTF-8 is) and for
// one nested deeper than `deepest_json`.
std::optional<nlohmann::json> parse_json(std::string_view text);

// The texts of the elements of a JSON array, at most so many of them, without looking at what they
// are: each has to be parsed, and whoever does so finds one that is no JSON. Nothing when the text
// is no array. They last as long as `text`.
std::optional<std::vector<std::string_view>> array_elements(std::string_view text,
                                                            std::size_t most);

struct Unpacked {
  enum class Outcome { Ok, Malformed, TooLarge };
  Outcome outcome = Outcome::Malformed;
  std::string text;
};
// A gzip stream (one or more members); stops at `limit` bytes of text.
Unpacked unpack_gzip(std::string_view packed, std::size_t limit);

}  // namespace jobengine::api::http
