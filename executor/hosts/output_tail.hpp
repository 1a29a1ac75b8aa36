// The last lines of what was printed. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace jobengine::executor {

class OutputTail {
 public:
  // Longer lines are kept in part; the oldest go.
  void keep(std::string_view line);
  // At most twenty lines, without the last newline; not necessarily UTF-8.
  std::string text() const;
  bool empty() const { return lines_.empty(); }
  void forget() { lines_.clear(); }

 private:
  std::deque<std::string> lines_;
};

}  // namespace jobengine::executor
