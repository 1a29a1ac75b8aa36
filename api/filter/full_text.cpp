#include "api/filter/full_text.hpp"

#include <algorithm>
#include <optional>

namespace jobengine::api::filter {

struct FullTextQuery::Clause {
  enum class Kind { Word, Prefix, Fuzzy, Phrase, And, Or, Not };
  Kind kind = Kind::Word;
  std::vector<std::string> words;  // one; of a phrase: all
  std::size_t distance = 0;        // edits of a fuzzy word, gaps of a phrase
  std::vector<std::unique_ptr<Clause>> parts;
};

namespace {

using Clause = FullTextQuery::Clause;
using ClausePtr = std::unique_ptr<Clause>;
using Kind = Clause::Kind;

constexpr int max_depth = 50;
constexpr std::size_t max_edits = 2;  // as Lucene has it

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

ClausePtr make(Kind kind, std::vector<std::string> words, std::size_t distance = 0) {
  auto clause = std::make_unique<Clause>();
  clause->kind = kind;
  clause->words = std::move(words);
  clause->distance = distance;
  return clause;
}

ClausePtr join(ClausePtr left, Kind kind, ClausePtr right) {
  if (!left) return right;
  if (left->kind != kind) {
    auto both = make(kind, {});
    both->parts.push_back(std::move(left));
    left = std::move(both);
  }
  left->parts.push_back(std::move(right));
  return left;
}

class QueryParser {
 public:
  explicit QueryParser(std::string_view text) : text_(text) {}

  ClausePtr clauses(int depth) {
    ClausePtr all;
    Kind joint = Kind::Or;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == ')' && depth > 0) break;
      if (is_space(c) || c == ')') {
        ++at_;
      } else if (c == '+' || c == '|') {
        joint = c == '+' ? Kind::And : Kind::Or;
        ++at_;
      } else if (auto clause = one(depth)) {
        all = join(std::move(all), joint, std::move(clause));
        joint = Kind::Or;
      }
    }
    return all;
  }

 private:
  // One term, phrase or group, with the "-" before it; nothing when there is no word in it.
  ClausePtr one(int depth) {
    bool negated = false;
    for (; at_ < text_.size() && text_[at_] == '-'; ++at_) negated = !negated;
    if (at_ >= text_.size()) return nullptr;
    ClausePtr clause;
    if (text_[at_] == '(' && depth < max_depth) {
      ++at_;
      clause = clauses(depth + 1);
      if (at_ < text_.size()) ++at_;
    } else if (text_[at_] == '"') {
      clause = phrase();
    } else {
      clause = term();
    }
    if (!clause || !negated) return clause;
    auto inverse = make(Kind::Not, {});
    inverse->parts.push_back(std::move(clause));
    return inverse;
  }

  ClausePtr phrase() {
    const auto end = text_.find('"', at_ + 1);
    const auto inside = text_.substr(at_ + 1, end == std::string_view::npos ? end : end - at_ - 1);
    at_ = end == std::string_view::npos ? text_.size() : end + 1;
    const auto gaps = distance();
    auto words = words_of(inside);
    if (words.empty()) return nullptr;
    return make(Kind::Phrase, std::move(words), gaps.value_or(0));
  }

  ClausePtr term() {
    std::string text;
    bool prefix = false;
    std::optional<std::size_t> edits;
    for (; at_ < text_.size() && !is_space(text_[at_]); ++at_) {
      const char c = text_[at_];
      if (c == '+' || c == '|' || c == '"' || c == ')' || (c == '(' && !text.empty())) break;
      if (c == '~') {
        edits = distance();
        break;
      }
      if (c == '\\' && at_ + 1 < text_.size()) {
        text += text_[++at_];
        prefix = false;
        continue;
      }
      prefix = c == '*';
      text += c;
    }
    auto words = words_of(text);
    if (words.empty()) return prefix ? make(Kind::Prefix, {""}) : nullptr;
    if (words.size() > 1) return make(Kind::Phrase, std::move(words));
    if (prefix) return make(Kind::Prefix, std::move(words));
    if (edits) return make(Kind::Fuzzy, std::move(words), std::min(*edits, max_edits));
    return make(Kind::Word, std::move(words));
  }

  // "~" or "~N".
  std::optional<std::size_t> distance() {
    if (at_ >= text_.size() || text_[at_] != '~') return std::nullopt;
    ++at_;
    std::size_t value = 0;
    bool given = false;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      value = std::min<std::size_t>(value * 10 + static_cast<std::size_t>(text_[at_] - '0'), 1000);
      given = true;
    }
    return given ? value : max_edits;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::size_t edit_distance(const std::string& a, const std::string& b) {
  if (a.size() > b.size() + max_edits || b.size() > a.size() + max_edits) return max_edits + 1;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// The words in this order, with at most `gaps` other words among them. Taking each next word as
// early as possible leaves the fewest gaps for the given first one.
bool has_phrase(const std::vector<std::string>& text, const std::vector<std::string>& phrase,
                std::size_t gaps) {
  for (std::size_t first = 0; first + phrase.size() <= text.size(); ++first) {
    std::size_t at = first;
    std::size_t found = 0;
    const std::size_t limit = std::min(text.size(), first + phrase.size() + gaps);
    if (text[first] != phrase.front()) continue;
    for (; at < limit && found < phrase.size(); ++at) {
      if (text[at] == phrase[found]) ++found;
    }
    if (found == phrase.size()) return true;
  }
  return false;
}

bool matches(const Clause& clause, const std::vector<std::string>& words) {
  const auto any_word = [&](auto&& holds) {
    return std::any_of(words.begin(), words.end(), holds);
  };
  const auto part = [&](const ClausePtr& inner) { return matches(*inner, words); };
  switch (clause.kind) {
    case Kind::Word:
      return any_word([&](const std::string& word) { return word == clause.words.front(); });
    case Kind::Prefix:
      return any_word(
          [&](const std::string& word) { return word.starts_with(clause.words.front()); });
    case Kind::Fuzzy:
      return any_word([&](const std::string& word) {
        return edit_distance(word, clause.words.front()) <= clause.distance;
      });
    case Kind::Phrase:
      return has_phrase(words, clause.words, clause.distance);
    case Kind::And:
      return std::all_of(clause.parts.begin(), clause.parts.end(), part);
    case Kind::Or:
      return std::any_of(clause.parts.begin(), clause.parts.end(), part);
    case Kind::Not:
      return !part(clause.parts.front());
  }
  return false;
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0) {
      word += upper ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

FullTextQuery::FullTextQuery(std::string_view text) : root_(QueryParser(text).clauses(0)) {}
FullTextQuery::~FullTextQuery() = default;

bool FullTextQuery::matches(const std::vector<std::string>& texts) const {
  if (!root_) return false;
  std::vector<std::string> words;
  for (const auto& text : texts) {
    for (auto& word : words_of(text)) words.push_back(std::move(word));
  }
  return !words.empty() && filter::matches(*root_, words);
}

}  // namespace jobengine::api::filter
