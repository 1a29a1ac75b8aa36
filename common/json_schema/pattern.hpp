// A regular expression that takes time linear in what it looks at. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace jobengine::json_schema {

class Pattern {
 public:
  // Check error() before anything else.
  explicit Pattern(const std::string& expression);
  ~Pattern();
  Pattern(Pattern&&) noexcept;

  // Why the expression cannot be used; "" when it can.
  std::string error() const;
  // Whether it occurs anywhere in the text. [any thread]
  bool occurs_in(std::string_view text) const;

 private:
  struct Expression;
  std::unique_ptr<const Expression> expression_;
};

}  // namespace jobengine::json_schema
