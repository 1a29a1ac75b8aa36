// Which entries who of a crowd works off: the data of /job/allotted. Only a hint, by which
// executors keep out of each other's way; the multi of a take decides. Pure. The bytes: README.md
// beside this file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace jobengine::queue {

struct Allotments {
  // By priority: entries with lower numbers have been allotted, to whoever.
  std::map<int, std::int64_t> before;

  static constexpr std::size_t most_priorities = 64;
};

// `folder` is the transaction that created /job/entries: numbers start anew with it. Beyond
// `most_priorities`, the least urgent ones are left out.
std::string text_of(const Allotments& allotments, std::int64_t folder);
// Those of another folder, and bytes that are no allotments, are none.
Allotments parse_allotments(std::string_view text, std::int64_t folder);

}  // namespace jobengine::queue
