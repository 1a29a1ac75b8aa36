#include "api/filter/to_sql.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

namespace jobengine::api::filter {
namespace {

// SQLite compares each parameter of a statement with all others: the time to prepare it grows with
// their square. This many take about a second; longer lists travel as one parameter.
constexpr std::size_t most_parameters = 10'000;
constexpr std::size_t longest_spelled_list = 64;

// Tests a value given the SQL of its JSON type and of the value itself.
using Predicate = std::function<std::string(const std::string& type, const std::string& value)>;

std::vector<Scalar> scalars_of(const Operand& operand) {
  if (const auto* list = std::get_if<std::vector<Scalar>>(&operand)) return *list;
  return {std::get<Scalar>(operand)};
}

// "a='x' or a='y'" as "a=['x' 'y']", and "a!='x' and a!='y'" likewise: one IN can use an index, and
// a statement with thousands of clauses takes SQLite seconds to prepare. The joined comparisons are
// put into `made`.
std::vector<const Node*> merged(const Node& node, std::deque<Node>& made) {
  const Operator wanted = node.kind == Node::Kind::Or ? Operator::Equal : Operator::NotEqual;
  std::vector<const Node*> parts;
  std::map<std::pair<std::string, bool>, std::vector<Scalar>*>
      lists;  // path, whether dates are meant
  for (const auto& part : node.parts) {
    const auto& comparison = part.comparison;
    auto values = part.kind == Node::Kind::Comparison && comparison.op == wanted
                      ? scalars_of(comparison.operand)
                      : std::vector<Scalar>();
    if (values.empty() || std::holds_alternative<Null>(values.front())) {
      parts.push_back(&part);
      continue;
    }
    // A list of dates only is compared as dates; a mixed one is not, so these stay apart.
    const bool dates = std::all_of(values.begin(), values.end(), [](const Scalar& value) {
      return std::holds_alternative<Date>(value);
    });
    auto& list = lists[{joined_path(comparison.path), dates}];
    if (list != nullptr) {
      list->insert(list->end(), values.begin(), values.end());
      continue;
    }
    auto& own = made.emplace_back(part);
    own.comparison.operand = std::move(values);
    list = &std::get<std::vector<Scalar>>(own.comparison.operand);
    parts.push_back(&own);
  }
  return parts;
}

// A balanced tree: SQLite refuses expressions deeper than 1000, and a chain of 4000 is as deep.
std::string joined(const std::vector<std::string>& parts, std::size_t begin, std::size_t end,
                   const std::string& joint) {
  if (end - begin == 1) return parts[begin];
  const auto middle = begin + (end - begin) / 2;
  return "(" + joined(parts, begin, middle, joint) + joint + joined(parts, middle, end, joint) +
         ")";
}

std::string joined(const std::vector<std::string>& parts, const std::string& joint) {
  return joined(parts, 0, parts.size(), joint);
}

// A comparison as SQL, and whether it holds for what is not there.
struct Written {
  std::string sql;
  bool negated = false;
};

std::string seen_under(const std::string& sight, const Written& comparison) {
  if (sight.empty()) return comparison.sql;
  return "(" + comparison.sql + (comparison.negated ? " OR NOT " : " AND ") + sight + ")";
}

class SqlWriter {
 public:
  SqlWriter(const SqlMapping& mapping, Millis now, std::vector<SqlValue>& values,
            const Sight& sight)
      : mapping_(mapping), now_(now), values_(values), sight_(sight) {}

  std::string node(const Node& node) {
    if (node.kind == Node::Kind::Comparison) {
      return seen_under(sight_.of(node.comparison.path, mapping_), comparison(node.comparison));
    }
    const std::string joint = node.kind == Node::Kind::And ? " AND " : " OR ";
    std::deque<Node> made;
    std::vector<std::string> parts;
    // Comparisons of one sight are put under it together: thousands of conditions on sight take
    // SQLite seconds.
    std::map<std::pair<std::string, bool>, std::vector<std::string>> alike;
    for (const Node* part : merged(node, made)) {
      const bool simple = part->kind == Node::Kind::Comparison;
      const auto& sight = simple ? sight_.of(part->comparison.path, mapping_) : always_;
      if (sight.empty()) {
        parts.push_back(this->node(*part));
        continue;
      }
      auto written = comparison(part->comparison);
      alike[{sight, written.negated}].push_back(std::move(written.sql));
    }
    for (const auto& [kind, list] : alike) {
      const auto& [sight, negated] = kind;
      parts.push_back(seen_under(sight, {joined(list, joint), negated}));
    }
    return joined(parts, joint);
  }

  // "json_each(…) e1, json_each(…) e2": one row source for each name of the path.
  std::string elements(const std::vector<std::string>& path) {
    std::string sql;
    for (std::size_t level = 0; level < path.size(); ++level) {
      const auto name = bind(*json_path({path[level]}));
      const auto from = level == 0 ? mapping_.document : "e" + std::to_string(level) + ".value";
      auto list = "CASE json_type(" + from + ", " + name + ") WHEN 'array' THEN " + from + " -> " +
                  name + " ELSE json_array(" + from + " -> " + name + ") END";
      if (level > 0) {
        list = "CASE WHEN e" + std::to_string(level) + ".type = 'object' THEN " + list + " END";
        sql += ", ";
      }
      sql += "json_each(" + list + ") e" + std::to_string(level + 1);
    }
    return sql;
  }

 private:
  Written comparison(const Comparison& comparison) {
    const auto condition = resolve(comparison, mapping_.types, now_);
    const auto column = mapping_.columns.find(joined_path(comparison.path));
    std::string positive;
    if (condition.kind == Condition::Kind::FullText) {
      positive = full_text(condition, comparison.path);
    } else if (column != mapping_.columns.end()) {
      positive = on_column(condition, column->second);
    } else if (const auto table = mapping_.text_tables.find(joined_path(comparison.path));
               table != mapping_.text_tables.end() && !condition.dates &&
               condition.kind != Condition::Kind::Exists) {
      positive = "(row IN (SELECT row FROM " + table->second + " WHERE " +
                 text_test(condition, "value") + "))";
    } else {
      positive = on_document(condition, comparison.path);
    }
    if (condition.negated) return {"(" + positive + " IS NOT TRUE)", true};
    return {std::move(positive), false};
  }

  std::string full_text(const Condition& condition, const std::vector<std::string>& path) {
    return "je_full_text(" + mapping_.document + ", " + bind(joined_path(path)) + ", " +
           bind(condition.literals.front().text) + ")";
  }

  std::string on_column(const Condition& condition, const Column& column) {
    const auto& name = column.name;
    if (condition.kind == Condition::Kind::Exists) return "(" + name + " IS NOT NULL)";
    std::string sql;
    switch (column.kind) {
      case Column::Kind::Date:
        sql = condition.dates ? date_test(condition, name) : "0";
        break;
      case Column::Kind::Long:
        sql = number_test(condition, name);
        break;
      case Column::Kind::Text:
        sql = condition.dates ? date_test(condition, "je_millis(" + name + ")")
                              : text_test(condition, name);
        break;
    }
    return "(" + sql + ")";
  }

  std::string on_document(const Condition& condition, const std::vector<std::string>& path) {
    if (!json_path(path)) return "0";
    if (condition.kind == Condition::Kind::Exists) return exists(path);
    return over_values(path, [&](const std::string& type, const std::string& value) {
      return value_test(condition, type, value);
    });
  }

  // The value at the path itself if it is a scalar, which is nearly always so and quick; else every
  // element of the arrays on the way and at the end.
  std::string over_values(const std::vector<std::string>& path, const Predicate& predicate) {
    const auto place = bind(*json_path(path));
    const auto type = "json_type(" + mapping_.document + ", " + place + ")";
    const auto value = "json_extract(" + mapping_.document + ", " + place + ")";
    const auto test = predicate(type, value);
    std::string sql =
        "CASE WHEN " + type + " IN ('text','integer','real','true','false') THEN " + test;
    if (path.size() == 1) sql += " WHEN " + type + " IS NOT 'array' THEN 0";
    const auto last = "e" + std::to_string(path.size());
    sql += " ELSE EXISTS(SELECT 1 FROM " + elements(path) + " WHERE " +
           predicate(last + ".type", last + ".value") + ") END";
    return "(" + sql + ")";
  }

  std::string exists(const std::vector<std::string>& path) {
    const auto place = bind(*json_path(path));
    const auto type = "json_type(" + mapping_.document + ", " + place + ")";
    std::string sql = "CASE WHEN " + type +
                      " IN ('text','integer','real','true','false') THEN 1 WHEN " + type +
                      " IN ('object','array') THEN EXISTS(SELECT 1 FROM json_tree(" +
                      mapping_.document + ", " + place + ") WHERE atom IS NOT NULL)";
    if (path.size() > 1) {
      const auto last = "e" + std::to_string(path.size());
      sql += " ELSE EXISTS(SELECT 1 FROM " + elements(path) + " WHERE CASE WHEN " + last +
             ".type IN ('object','array') THEN EXISTS(SELECT 1 FROM json_tree(" + last +
             ".value) WHERE atom IS NOT NULL) ELSE " + last + ".type <> 'null' END)";
    } else {
      sql += " ELSE 0";
    }
    return "(" + sql + " END)";
  }

  std::string value_test(const Condition& condition, const std::string& type,
                         const std::string& value) {
    if (condition.dates) {
      return "(" + type + " IN ('text','integer') AND " +
             date_test(condition, "je_millis(" + value + ")") + ")";
    }
    std::string sql = "(CASE WHEN " + type + " = 'text' THEN " + text_test(condition, value) +
                      " WHEN " + type + " IN ('integer','real') THEN " +
                      number_test(condition, value);
    if (condition.kind == Condition::Kind::OneOf) {
      bool with_true = false;
      bool with_false = false;
      for (const auto& literal : condition.literals) {
        with_true = with_true || literal.text == "true";
        with_false = with_false || literal.text == "false";
      }
      if (with_true) sql += " WHEN " + type + " = 'true' THEN 1";
      if (with_false) sql += " WHEN " + type + " = 'false' THEN 1";
    }
    return sql + " ELSE 0 END)";
  }

  std::string text_test(const Condition& condition, const std::string& value) {
    if (condition.kind == Condition::Kind::OneOf) {
      std::vector<SqlValue> texts;
      for (const auto& literal : condition.literals) texts.emplace_back(literal.text);
      return one_of(value, texts);
    }
    const auto& text = condition.literals.front().text;
    if (condition.kind != Condition::Kind::Prefix) {
      return value + order(condition.kind) + bind(text);
    }
    if (text.empty()) return value + " IS NOT NULL";
    auto after = text;  // the first text that sorts behind everything with this prefix
    after.back() = static_cast<char>(static_cast<unsigned char>(after.back()) + 1);
    return "(" + value + " >= " + bind(text) + " AND " + value + " < " + bind(after) + ")";
  }

  std::string number_test(const Condition& condition, const std::string& value) {
    if (condition.kind == Condition::Kind::Prefix) return "0";
    std::vector<SqlValue> numbers;
    for (const auto& literal : condition.literals) {
      if (!literal.number) continue;
      numbers.push_back(std::visit([](auto n) { return SqlValue(n); }, *literal.number));
      if (condition.kind != Condition::Kind::OneOf) {
        return value + order(condition.kind) + bind(std::move(numbers.back()));
      }
    }
    return one_of(value, numbers);
  }

  std::string one_of(const std::string& value, const std::vector<SqlValue>& list) {
    if (list.empty()) return "0";
    if (list.size() > longest_spelled_list && survives_json(list)) {
      nlohmann::json array = nlohmann::json::array();
      for (const auto& one : list) {
        std::visit([&array](const auto& plain) { array.push_back(plain); }, one);
      }
      return value + " IN (SELECT value FROM json_each(" + bind(array.dump()) + "))";
    }
    std::string spelled;
    for (const auto& one : list) spelled += (spelled.empty() ? "" : ",") + bind(one);
    return value + " IN (" + spelled + ")";
  }

  // SQLite's JSON ends a text at a NUL, and may read a fraction with another last bit.
  static bool survives_json(const std::vector<SqlValue>& list) {
    return std::none_of(list.begin(), list.end(), [](const SqlValue& one) {
      const auto* text = std::get_if<std::string>(&one);
      return std::holds_alternative<double>(one) ||
             (text != nullptr && text->find('\0') != std::string::npos);
    });
  }

  std::string date_test(const Condition& condition, const std::string& value) {
    if (condition.spans.empty()) return "0";
    if (condition.kind != Condition::Kind::OneOf) {
      return value + order(condition.kind) + bind(condition.bound);
    }
    std::string sql;
    for (const auto& span : condition.spans) {
      sql += (sql.empty() ? "" : " OR ") + value + " BETWEEN " + bind(span.first) + " AND " +
             bind(span.last);
    }
    return "(" + sql + ")";
  }

  static std::string order(Condition::Kind kind) {
    if (kind == Condition::Kind::Below) return " < ";
    if (kind == Condition::Kind::AtMost) return " <= ";
    if (kind == Condition::Kind::Above) return " > ";
    return " >= ";
  }

  // The same value is the same parameter: SQLite compares each constant with all it has seen.
  std::string bind(SqlValue value) {
    const auto [known, fresh] = parameters_.try_emplace(value, values_.size() + 1);
    if (fresh && values_.size() >= most_parameters) {
      throw FilterError("Invalid CIMI filter. It is too complex: it holds more than " +
                        std::to_string(most_parameters) + " different attributes and values.");
    }
    if (fresh) values_.push_back(std::move(value));
    return "?" + std::to_string(known->second);
  }

  const SqlMapping& mapping_;
  const Millis now_;
  std::vector<SqlValue>& values_;
  const Sight& sight_;
  const std::string always_;
  std::map<SqlValue, std::size_t> parameters_;
};

}  // namespace

const std::string& Sight::of(const std::vector<std::string>& path,
                             const SqlMapping& mapping) const {
  static const std::string always;
  if (path.empty() || mapping.metadata.contains(path.front())) return always;
  return path.front() == "acl" ? acl : data;
}

std::string to_sql(const Node& node, const SqlMapping& mapping, Millis now,
                   std::vector<SqlValue>& values, const Sight& sight) {
  return SqlWriter(mapping, now, values, sight).node(node);
}

std::optional<ValuesAt> values_at(const std::vector<std::string>& path, const SqlMapping& mapping,
                                  std::vector<SqlValue>& values) {
  if (path.empty() || !json_path(path)) return std::nullopt;
  const auto last = "e" + std::to_string(path.size());
  ValuesAt found;
  found.tables = SqlWriter(mapping, 0, values, {}).elements(path);
  found.type = last + ".type";
  found.value = last + ".value";
  return found;
}

std::optional<std::string> json_path(const std::vector<std::string>& path) {
  static constexpr std::string_view unreachable("\"\0", 2);
  std::string text = "$";
  for (const auto& name : path) {
    if (name.empty() || name.find_first_of(unreachable) != std::string::npos) return std::nullopt;
    text += ".\"" + name + "\"";
  }
  return text;
}

}  // namespace jobengine::api::filter
