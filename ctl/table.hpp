// Aligned text for people: one row a line, columns as wide as their widest cell. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::ctl {

class Table {
 public:
  explicit Table(std::vector<std::string> headings);

  // `cells`: one per heading. Line breaks and control characters in them become blanks.
  void add(std::vector<std::string> cells);
  std::size_t rows() const { return rows_.size(); }

  // Headings and rows, each line ending in a line feed. `width` > 0: no line gets longer; the last
  // column is cut ("…") for that, down to its heading.
  std::string text(std::size_t width = 0) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

// Columns `text` takes on a terminal, counting UTF-8 code points.
std::size_t columns(std::string_view text);
// At most `limit` columns of it; what is cut ends in "…".
std::string cut(std::string_view text, std::size_t limit);
// One line: line breaks and control characters are blanks.
std::string one_line(std::string_view text);

}  // namespace jobengine::ctl
