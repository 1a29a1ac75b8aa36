// Texts of actions are bytes; the API takes UTF-8 only. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jobengine::executor {

// The largest number of bytes, at most `most`, after which `text` may be cut without cutting a
// character in two; `most` itself where the text is no UTF-8. At least 1 for a text that has some.
std::size_t whole_characters(std::string_view text, std::size_t most);

// The same text with every byte that is no UTF-8 replaced by U+FFFD.
std::string as_utf8(std::string_view text);

}  // namespace jobengine::executor
