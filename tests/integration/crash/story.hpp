// Stories of processes that die: each in a system of its own, several told at once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/runtime/asio.hpp"

namespace jobengine::tests {

// What was not as it should be. Assertions of Catch2 cannot tell stories apart that run together.
class Story {
 public:
  void expect(bool holds, const std::string& what);
  template <class Value>
  void expect_equal(const std::string& what, const Value& is, const Value& should_be) {
    if (is == should_be) return;
    complain(what, text_of(is), text_of(should_be));
  }
  // Nothing wrong: empty.
  const std::string& complaints() const { return complaints_; }

 private:
  static std::string text_of(const std::string& text) { return "\"" + text + "\""; }
  template <class Number>
  static std::string text_of(const Number& number) {
    return std::to_string(number);
  }
  void complain(const std::string& what, const std::string& is, const std::string& should_be);
  std::string complaints_;
};

// One of several stories, `index` of them; what it throws is a complaint.
using Telling = std::function<awaitable<void>(asio::io_context&, std::size_t index, Story&)>;

// Tells one story for each of `names`, as many at once as this machine bears, and checks that none
// has complaints.
void tell_stories(const std::vector<std::string>& names, const Telling& telling);

}  // namespace jobengine::tests
