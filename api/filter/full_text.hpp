// The "simple query string" of the full-text operator (spec 4.2): terms are alternatives; "+" and,
// "|" or, "-" not, "phrase", prefix*, term~N (edit distance), "phrase"~N (gaps), parentheses.
// Operators bind from left to right. Never an error: what makes no sense is read as text. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::api::filter {

class FullTextQuery {
 public:
  explicit FullTextQuery(std::string_view text);
  ~FullTextQuery();
  FullTextQuery(const FullTextQuery&) = delete;
  FullTextQuery& operator=(const FullTextQuery&) = delete;

  // Whether the texts of one field match, taken together. A field without text never matches.
  bool matches(const std::vector<std::string>& texts) const;

  struct Clause;

 private:
  std::unique_ptr<Clause> root_;  // nothing: a query without terms, which matches nothing
};

// Lower-case words: runs of letters, digits and "_"; every non-ASCII character counts as a letter.
std::vector<std::string> words_of(std::string_view text);

}  // namespace jobengine::api::filter
