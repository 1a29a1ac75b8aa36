// The data of /job/entries: which priorities were put of late, unless it was the lowest urgency
// alone. Written with the entries, in one multi; a hint that says where to look for what is new.
// Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::queue {

// "0,900": the most urgent ones first, at most 8. Nothing for the lowest urgency alone.
std::string announcement_of(std::vector<int> priorities);
// Bytes that are none announce nothing.
std::vector<int> announced_in(std::string_view text);

}  // namespace jobengine::queue
