// Bytes from outside as text fit for a status message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jobengine::actions {

// The bytes with everything that is no UTF-8 replaced by U+FFFD, and NUL too.
std::string as_utf8(std::string_view bytes);

// "512 bytes", "1 byte"
std::string bytes_text(std::size_t count);

// Keeps the last `limit` bytes of a stream and counts all of them.
class Tail {
 public:
  explicit Tail(std::size_t limit = 0) : limit_(limit) {}
  void add(std::string_view bytes);
  std::size_t total() const { return total_; }
  // What is kept, as UTF-8; when something was left out it begins with a whole line, if there is
  // one, after a note.
  std::string text() const;

 private:
  std::size_t limit_;
  std::size_t total_ = 0;
  std::string kept_;
};

}  // namespace jobengine::actions
