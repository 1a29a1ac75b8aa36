// The vectors of filter_vectors.txt: verdicts and trees were made by the original's own grammar.
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "api/filter/evaluate.hpp"
#include "api/filter/filter.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api::filter;
using nlohmann::json;

namespace {

// Where we differ on purpose from what the original does: it reads such dates as null, so that
// "created>2012-01-02" means "created exists". (The other difference, mirrored comparisons, is in
// ExpectedTree::comparison.)
const std::set<std::string> refused_dates = {"created>2012-01-02", "created>2012-13-45T99:99:99Z"};

std::vector<std::vector<std::string>> rows_of(const std::string& kind) {
  std::ifstream file(tests::source_directory() + "/tests/unit/api_filter/filter_vectors.txt");
  REQUIRE(file.good());
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> columns;
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, '\t');) columns.push_back(cell);
    if (!columns.empty() && columns.front() == kind) rows.push_back(columns);
  }
  REQUIRE_FALSE(rows.empty());
  return rows;
}

// The words of a part of the grammar, in the smallest filter that has it.
std::string filter_with(const std::string& symbol, const std::string& text) {
  if (symbol == "Filter") return text;
  if (symbol == "Attribute") return text + "=1";
  if (symbol == "WktValue") return "a within " + text;
  return "a=" + text;
}

bool parses(const std::string& text) {
  try {
    parse(text);
    return true;
  } catch (const FilterError&) {
    return false;
  }
}

std::string text_of(const Scalar& scalar) {
  if (std::holds_alternative<Null>(scalar)) return "null";
  if (const auto* truth = std::get_if<bool>(&scalar)) return *truth ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&scalar)) return std::to_string(*number);
  if (const auto* date = std::get_if<Date>(&scalar)) return "date:" + date->text;
  return "<" + std::get<std::string>(scalar) + ">";
}

std::string text_of(const Operand& operand) {
  if (const auto* scalar = std::get_if<Scalar>(&operand)) return text_of(*scalar);
  std::string text = "[";
  for (const auto& scalar : std::get<std::vector<Scalar>>(operand)) text += text_of(scalar) + " ";
  return text + "]";
}

const char* text_of(Operator op) {
  static const char* const names[] = {
      "=", "!=", "<", "<=", ">", ">=", "^=", "==", "intersects", "disjoint", "within", "contains"};
  return names[static_cast<int>(op)];
}

// "(and a=<x> (or …))", single parts lifted.
std::string text_of(const Node& node) {
  if (node.kind == Node::Kind::Comparison) {
    return joined_path(node.comparison.path) + " " + text_of(node.comparison.op) + " " +
           text_of(node.comparison.operand);
  }
  std::string text = node.kind == Node::Kind::And ? "(and" : "(or";
  for (const auto& part : node.parts) text += " {" + text_of(part) + "}";
  return text + ")";
}

// Reads "[:Filter [:Or …]]" into the same text.
class ExpectedTree {
 public:
  explicit ExpectedTree(std::string text) : text_(std::move(text)) {}
  std::string read() {
    const Element filter = element();
    return lifted(filter.parts.at(0));
  }

 private:
  struct Element {
    std::string name;  // of a text: empty
    std::string text;
    std::vector<Element> parts;
  };

  Element element() {
    while (text_[at_] == ' ') ++at_;
    Element result;
    if (text_[at_] == '"') {
      for (++at_; text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\') {
          ++at_;
          result.text += text_[at_] == 'n' ? '\n' : text_[at_] == 't' ? '\t' : text_[at_];
        } else {
          result.text += text_[at_];
        }
      }
      ++at_;
      return result;
    }
    at_ += 2;  // "[:"
    while (text_[at_] != ' ' && text_[at_] != ']') result.name += text_[at_++];
    while (text_[at_] != ']') {
      result.parts.push_back(element());
      while (text_[at_] == ' ') ++at_;
    }
    ++at_;
    return result;
  }

  static std::string lifted(const Element& from) {
    if (from.name == "Comp") return comparison(from);
    if (from.parts.size() == 1) return lifted(from.parts.front());
    std::string text = from.name == "And" ? "(and" : "(or";
    for (const auto& part : from.parts) text += " {" + lifted(part) + "}";
    return text + ")";
  }

  static std::string comparison(const Element& from) {
    static const std::map<std::string, std::string> mirror = {
        {"<", ">"}, {"<=", ">="}, {">", "<"}, {">=", "<="}};
    const auto& left = from.parts.at(0);
    const auto& op = from.parts.at(1).parts.at(0).text;
    const auto& right = from.parts.at(2);
    if (left.name == "Attribute") return value(left) + " " + op + " " + value(right);
    // The original does not mirror: 3<a meant a<3 there. Ours means what is written.
    const auto mirrored = mirror.find(op);
    return value(right) + " " + (mirrored == mirror.end() ? op : mirrored->second) + " " +
           value(left);
  }

  static std::string value(const Element& from) {
    std::string text;
    if (from.name == "WktValue") return value(from.parts.at(0));
    if (from.name == "Values") {
      text = "[";
      for (const auto& part : from.parts) text += value(part) + " ";
      return text + "]";
    }
    for (const auto& part : from.parts) text += part.text;
    if (from.name == "StringValue") return "<" + text.substr(1, text.size() - 2) + ">";
    if (from.name == "IntValue") return std::to_string(std::stoll(text));
    if (from.name == "DateValue") return "date:" + text;
    return text;
  }

  std::string text_;
  std::size_t at_ = 0;
};

// "filter=a=1&filter=b=2&last=1"
std::vector<std::string> filters_of(const std::string& query) {
  std::vector<std::string> filters;
  std::istringstream parts(query);
  for (std::string part; std::getline(parts, part, '&');) {
    if (part.starts_with("filter=")) filters.push_back(part.substr(7));
  }
  return filters;
}

std::vector<json> documents_of(const std::string& set) {
  std::vector<json> documents;
  if (set == "events") {
    for (int i = 0; i < 20; ++i) {
      const char* year = i % 2 == 0 ? "2016" : "2015";
      documents.push_back({{"id", "event/" + std::to_string(i)},
                           {"category", "user"},
                           {"content", {{"resource", {{"href", "run/" + std::to_string(i)}}}}},
                           {"timestamp", std::string(year) + "-01-16T08:05:00.00Z"}});
    }
    return documents;
  }
  for (int i = 0; i < 4; ++i) {
    documents.push_back({{"id", "test-collection/" + std::to_string(i)},
                         {i < 2 ? "admin" : "user", true},
                         {"number", i < 2 ? 1 : 2},
                         {"nested", {{"child", i < 2 ? "child1" : "child2"}}},
                         {"attr1", "attr1"},
                         {"attr2", "attr2"},
                         {"sequence", i}});
  }
  return documents;
}

}  // namespace

TEST_CASE("filter: every vector gets the original's verdict and tree", "[filter]") {
  for (const auto& row : rows_of("PARSE")) {
    const auto text = json::parse(row.at(4)).get<std::string>();
    CAPTURE(text, row.at(2), row.at(3));
    CHECK(parses(filter_with(row.at(2), text)) == (row.at(3) == "PASS"));
    if (row.size() > 5 && row.at(2) == "Filter" && parses(text)) {
      CHECK(text_of(parse(text)) == ExpectedTree(row.at(5)).read());
    }
  }
}

TEST_CASE("filter: what the original translates is read, but for dates that are none", "[filter]") {
  for (const auto& row : rows_of("TRANSLATE")) {
    const auto text = json::parse(row.at(1)).get<std::string>();
    CAPTURE(text);
    CHECK(parses(text) != refused_dates.contains(text));
  }
}

TEST_CASE("filter: every vector selects the rows the original selects", "[filter]") {
  for (const auto& row : rows_of("SELECT-ROWS")) {
    const auto query = json::parse(row.at(2)).get<std::string>();
    CAPTURE(query);
    const bool events = row.at(1) == "events";
    const Node node = events ? parse_all(filters_of(query)) : parse(query);
    std::string selected;
    int count = 0;
    for (const auto& document : documents_of(row.at(1))) {
      if (!matches(node, document, FieldTypes{}, 0)) continue;
      const auto id = document.at("id").get<std::string>();
      selected += (selected.empty() ? "" : ",") + id.substr(id.find('/') + 1);
      ++count;
    }
    const std::string expected = row.size() > 3 ? row.at(3) : "";
    if (events) {
      CHECK(count == std::stoi(expected));
    } else if (expected.starts_with("count ")) {
      CHECK(count == std::stoi(expected.substr(6)));
    } else {
      CHECK(selected == expected);
    }
  }
}
