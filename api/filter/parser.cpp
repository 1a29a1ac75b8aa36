// Reads the grammar of spec 4.1 without a lexer, as the grammar is written: white space belongs to
// some tokens and not to others ("a= ['x']" is no filter). Every place where one of several tokens
// could follow notes what it expected; the furthest such place is the error.
#include <charconv>
#include <optional>

#include "api/filter/dates.hpp"
#include "api/filter/filter.hpp"
#include "api/filter/scanner.hpp"

namespace jobengine::api::filter {
namespace {

constexpr int max_depth = 200;

Operator mirrored(Operator op) {
  switch (op) {
    case Operator::Less:
      return Operator::Greater;
    case Operator::LessOrEqual:
      return Operator::GreaterOrEqual;
    case Operator::Greater:
      return Operator::Less;
    case Operator::GreaterOrEqual:
      return Operator::LessOrEqual;
    case Operator::Equal:
    case Operator::NotEqual:
    case Operator::Prefix:
    case Operator::FullText:
    case Operator::Intersects:
    case Operator::Disjoint:
    case Operator::Within:
    case Operator::Contains:
      break;
  }
  return op;
}

bool is_equality(Operator op) {
  return op == Operator::Equal || op == Operator::NotEqual;
}
bool is_text_operator(Operator op) {
  return op == Operator::Prefix || op == Operator::FullText;
}

Node combined(Node::Kind kind, std::vector<Node> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  Node node;
  node.kind = kind;
  node.parts = std::move(parts);
  return node;
}

class Parser : private Scanner {
 public:
  // Reads text[begin, end); positions in errors are those in the whole text.
  Parser(std::string_view text, std::size_t begin, std::size_t end) : Scanner(text, begin, end) {}

  Node filter() {
    auto node = disjunction();
    if (node && at_ == text_.size()) return std::move(*node);
    if (node) expected("end of the filter");
    fail_with_expectations();
  }

 private:
  // Functions returning an optional return nothing when the input does not match; what was expected
  // and where has been noted then, and the position may have moved.

  std::optional<Node> disjunction() { return sequence(Node::Kind::Or); }
  std::optional<Node> sequence(Node::Kind kind) {
    const std::string_view joint = kind == Node::Kind::Or ? "or" : "and";
    std::vector<Node> parts;
    do {
      auto part = kind == Node::Kind::Or ? sequence(Node::Kind::And) : primary();
      if (!part) return std::nullopt;
      parts.push_back(std::move(*part));
    } while (take(joint, kind == Node::Kind::Or ? "or" : "and"));
    return combined(kind, std::move(parts));
  }

  std::optional<Node> primary() {
    const auto start = at_;
    skip_space();
    if (!take("(", "(")) {
      at_ = start;
      auto found = comparison();
      if (!found) return std::nullopt;
      Node node;
      node.comparison = std::move(*found);
      return node;
    }
    if (++depth_ > max_depth) {
      fail(at_ - 1, "parentheses are nested deeper than " + std::to_string(max_depth));
    }
    auto inner = disjunction();
    if (!inner || !take(")", ")")) return std::nullopt;
    --depth_;
    skip_space();
    return inner;
  }

  std::optional<Comparison> comparison() {
    const auto start = at_;
    if (auto path = attribute()) {
      if (auto found = attribute_first(std::move(*path))) return found;
    }
    at_ = start;  // null, true and false may be attributes or values
    return operand_first();
  }

  std::optional<Comparison> attribute_first(std::vector<std::string> path) {
    const auto op = comparison_operator(/*geo=*/true);
    if (!op) return std::nullopt;
    auto operand = right_operand(*op);
    if (!operand) return std::nullopt;
    return Comparison{std::move(path), *op, std::move(*operand)};
  }

  std::optional<Operand> right_operand(Operator op) {
    if (is_equality(op)) return value_or_list(/*on_the_left=*/false);
    if (op == Operator::Less || op == Operator::LessOrEqual || op == Operator::Greater ||
        op == Operator::GreaterOrEqual) {
      return as_operand(ordinal());
    }
    skip_space();
    auto text = quoted();
    if (!text) return std::nullopt;
    skip_space();
    return Operand{Scalar{std::move(*text)}};
  }

  std::optional<Comparison> operand_first() {
    auto operand = value_or_list(/*on_the_left=*/true);
    if (!operand) return std::nullopt;
    const auto operator_at = at_;
    const auto op = comparison_operator(/*geo=*/false);
    if (!op) return std::nullopt;
    if (!fits(*operand, *op)) {
      at_ = operator_at;
      expected("=");
      expected("!=");
      return std::nullopt;
    }
    auto path = attribute();
    if (!path) return std::nullopt;
    return Comparison{std::move(*path), mirrored(*op), std::move(*operand)};
  }

  // Whether an operand on the left may stand before the operator.
  static bool fits(const Operand& operand, Operator op) {
    if (is_equality(op)) return true;
    const auto* scalar = std::get_if<Scalar>(&operand);
    if (scalar == nullptr) return false;
    if (is_text_operator(op)) return std::holds_alternative<std::string>(*scalar);
    return !std::holds_alternative<Null>(*scalar) && !std::holds_alternative<bool>(*scalar);
  }

  std::optional<Operator> comparison_operator(bool geo) {
    struct Spelling {
      std::string_view text;
      Operator op;
    };
    // Longer ones first: "==" is not "=" and something.
    static constexpr Spelling spellings[] = {
        {"==", Operator::FullText},    {"!=", Operator::NotEqual},
        {"<=", Operator::LessOrEqual}, {">=", Operator::GreaterOrEqual},
        {"^=", Operator::Prefix},      {"=", Operator::Equal},
        {"<", Operator::Less},         {">", Operator::Greater}};
    static constexpr Spelling geo_spellings[] = {{"intersects", Operator::Intersects},
                                                 {"disjoint", Operator::Disjoint},
                                                 {"within", Operator::Within},
                                                 {"contains", Operator::Contains}};
    for (const auto& spelling : spellings) {
      if (take(spelling.text, spelling.text)) return spelling.op;
    }
    if (!geo) return std::nullopt;
    for (const auto& spelling : geo_spellings) {
      if (take(spelling.text, spelling.text)) return spelling.op;
    }
    return std::nullopt;
  }

  std::optional<std::vector<std::string>> attribute() {
    skip_space();
    std::vector<std::string> path;
    do {
      auto part = name();
      if (!part) return std::nullopt;
      path.push_back(std::move(*part));
    } while (take("/", {}));
    skip_space();
    return path;
  }

  std::optional<std::string> name() {
    const auto start = at_;
    if (!term()) return std::nullopt;
    if (take(":", {}) && !term()) return std::nullopt;
    return std::string(text_.substr(start, at_ - start));
  }

  // The longest run that starts with a letter or @ and ends with a letter, digit or _; or one
  // letter.
  bool term() {
    const auto start = at_;
    if (at_ >= text_.size() || !(is_letter(text_[at_]) || text_[at_] == '@')) {
      expected("an attribute name");
      return false;
    }
    auto end = at_ + 1;
    auto last = is_letter(text_[at_]) ? at_ + 1 : at_;
    for (; end < text_.size() && (is_word(text_[end]) || text_[end] == '-'); ++end) {
      if (text_[end] != '-') last = end + 1;
    }
    if (last == start) {
      expected("an attribute name");
      return false;
    }
    at_ = last;
    return true;
  }

  std::optional<Operand> value_or_list(bool on_the_left) {
    if (at_ < text_.size() && text_[at_] == '[') return list();
    expected("[");
    const auto start = at_;
    skip_space();
    for (const auto& [word, value] : words()) {
      if (!text_.substr(at_).starts_with(word)) continue;
      if (!on_the_left && attribute_reaches_further(word.size())) break;
      at_ += word.size();
      skip_space();
      return Operand{value};
    }
    for (const auto& [word, value] : words()) expected(word);
    at_ = start;
    return as_operand(ordinal());
  }

  struct Word {
    std::string_view text;
    Scalar value;
  };
  static const std::vector<Word>& words() {
    static const std::vector<Word> all{{"true", true}, {"false", false}, {"null", Null{}}};
    return all;
  }

  // In "null=nullable" the right side is an attribute, in "a=nulland b=1" it is null: what looks
  // like a value is one unless a longer name stands there that ends where a comparison may end.
  bool attribute_reaches_further(std::size_t value_length) const {
    auto end = at_ + value_length;
    if (end >= text_.size() || !(is_word(text_[end]) || text_[end] == '/')) return false;
    const auto rest = text_.substr(end);
    if (rest.starts_with("and") || rest.starts_with("or")) {
      while (end < text_.size() && (is_word(text_[end]) || text_[end] == '-')) ++end;
      while (end < text_.size() && is_space(text_[end])) ++end;
      const auto after = text_.substr(end);
      return after.empty() || after.front() == ')';
    }
    return true;
  }

  std::optional<Operand> list() {
    ++at_;
    std::vector<Scalar> values;
    if (take("]", "]")) {
      skip_space();
      return Operand{std::move(values)};
    }
    for (;;) {
      auto value = ordinal();
      if (!value) return std::nullopt;
      values.push_back(std::move(*value));
      if (take("]", "]")) break;
      take(",", ",");
    }
    skip_space();
    return Operand{std::move(values)};
  }

  static std::optional<Operand> as_operand(std::optional<Scalar> scalar) {
    if (!scalar) return std::nullopt;
    return Operand{std::move(*scalar)};
  }

  std::optional<Scalar> ordinal() {
    skip_space();
    std::optional<Scalar> value;
    if (at_ < text_.size() && is_digit(text_[at_])) {
      value = number_or_date();
    } else if (auto text = quoted()) {
      value = std::move(*text);
    }
    if (!value) {
      expected("an integer");
      expected("a date");
      return std::nullopt;
    }
    skip_space();
    return value;
  }

  std::optional<Scalar> number_or_date() {
    const auto start = at_;
    skip_digits();
    if (at_ < text_.size() && text_[at_] == '-') return date(start);
    const auto digits = text_.substr(start, at_ - start);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{}) {
      fail(start, "the integer " + std::string(digits) + " is too large: expected at most " +
                      "9223372036854775807");
    }
    return Scalar{value};
  }

  std::optional<Scalar> date(std::size_t start) {
    const auto reads = read_date_shape();
    const auto text = text_.substr(start, at_ - start);
    if (!reads) {
      at_ = start;
      return std::nullopt;
    }
    if (!parse_timestamp(text)) {
      fail(start, std::string(text) + " is no full timestamp: expected " +
                      "YYYY-MM-DDTHH:MM:SS[.mmm] with Z or ±hh:mm, or a date in quotes, " +
                      "which may be partial");
    }
    return Scalar{Date{std::string(text)}};
  }

  // From the first "-" on.
  bool read_date_shape() {
    ++at_;
    if (!skip_digits()) return false;
    if (skip_char('-') && !skip_digits()) return false;
    if (!skip_char('T')) return true;
    if (!skip_digits() || !skip_char(':') || !skip_digits() || !skip_char(':') || !skip_digits()) {
      return false;
    }
    if (skip_char('.') && !skip_digits()) return false;
    if (skip_char('Z')) return true;
    if (!skip_char('+') && !skip_char('-')) return false;
    return skip_digits() && skip_char(':') && skip_digits();
  }

  int depth_ = 0;
};

}  // namespace

Node parse(std::string_view text) {
  return Parser(text, 0, text.size()).filter();
}

// Each filter is read on its own, inside its parentheses: "a=1) or (b=2" is no filter, although the
// joined text would be one.
Node parse_all(const std::vector<std::string>& filters) {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (const auto& filter : filters) {
    if (!text.empty()) text += " and ";
    text += '(';
    ranges.emplace_back(text.size(), text.size() + filter.size());
    text += filter + ')';
  }
  std::vector<Node> parts;
  for (const auto& [begin, end] : ranges) parts.push_back(Parser(text, begin, end).filter());
  if (parts.empty()) throw FilterError("Invalid CIMI filter. There is no filter.");
  return combined(Node::Kind::And, std::move(parts));
}

}  // namespace jobengine::api::filter
