// A progress bar on a terminal, plain lines anywhere else; on stderr, so that stdout holds results
// only.
#pragma once

#include <cstddef>
#include <string>

namespace jobengine::ctl {

// "[#########-----------]  45%  text", at most `width` columns. Pure.
std::string bar_line(int percent, const std::string& text, std::size_t width);

class Progress {
 public:
  Progress();
  // Ends the bar's line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Shows the new state of things; nothing happens when it is what was shown last. Without a
  // terminal a line is written when `text` changes or `percent` has moved on by ten.
  void show(int percent, const std::string& text);
  // Removes the bar, so that something else can be printed; lines stay.
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
  int last_percent_ = -1;
  std::string last_text_;
};

// Columns of the terminal behind stdout; 0: no terminal, nothing needs to be cut.
std::size_t output_width();

}  // namespace jobengine::ctl
