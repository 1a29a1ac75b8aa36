// The PARAM vectors of filter_vectors.txt: how the original reads the parameters of a query.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "api/cimi/call.hpp"
#include "api/cimi/cimi_error.hpp"
#include "api/cimi/search_parameters.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

struct Vector {
  std::string function;
  json input;
  json expected;
};

std::vector<Vector> vectors() {
  std::ifstream file(tests::source_directory() + "/tests/unit/api_filter/filter_vectors.txt");
  REQUIRE(file.good());
  std::vector<Vector> read;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> columns;
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, '\t');) columns.push_back(cell);
    if (columns.empty() || columns.front() != "PARAM") continue;
    read.push_back({columns.at(1), json::parse(columns.at(2)), json::parse(columns.at(3))});
  }
  REQUIRE(read.size() == 37);
  return read;
}

std::string encoded(const std::string& text) {
  std::string result;
  for (const char c : text) {
    static constexpr const char* digits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    result += {'%', digits[byte >> 4U], digits[byte & 15U]};
  }
  return result;
}

// The parameter as often as `input` has values: null: not at all.
http::Parameters sent(const std::string& name, const json& input) {
  http::Parameters parameters;
  const auto append = [&](const json& value) {
    const auto text = value.is_string() ? value.get<std::string>() : value.dump();
    REQUIRE(parameters.append(name + "=" + encoded(text)));
  };
  if (input.is_array()) {
    for (const auto& value : input) append(value);
  } else if (!input.is_null()) {
    append(input);
  }
  return parameters;
}

std::string joined(const std::vector<std::string>& path) {
  std::string text;
  for (const auto& name : path) text += (text.empty() ? "" : "/") + name;
  return text;
}

json order_of(const json& input) {
  json list = json::array();
  for (const auto& one : read_search(sent("orderby", input)).order) {
    list.push_back({joined(one.path), one.descending ? "desc" : "asc"});
  }
  return list;
}

// The original drops what is no aggregation; ours refuses it: null.
json aggregations_of(const json& input) {
  json list = json::array();
  try {
    for (const auto& one : read_search(sent("aggregation", input)).aggregations) {
      const auto colon = one.key.find(':');
      list.push_back({one.key.substr(0, colon), one.key.substr(colon + 1)});
    }
  } catch (const CimiError& error) {
    CHECK(error.status == 400);
    return nullptr;
  }
  return list;
}

json first_or_null(const json& list) {
  return list.empty() ? json() : list.front();
}

json paging_of(const json& input) {
  http::Parameters parameters;
  if (!input[0].is_null()) REQUIRE(parameters.append("first=" + input[0].dump()));
  if (!input[1].is_null()) REQUIRE(parameters.append("last=" + input[1].dump()));
  try {
    const auto search = read_search(parameters);
    return {search.offset, search.limit};
  } catch (const CimiError& error) {
    const std::string text = error.what();
    REQUIRE(text.starts_with("unexpected exception querying: "));
    return "ERROR " + text.substr(text.find(": ") + 2);
  }
}

// Where ours differs on purpose.
bool refused_here(const Vector& vector) {
  return (vector.function == "aggregation-clause" &&
          (vector.expected.is_null() || vector.expected[0] == "extended-algo")) ||
         (vector.function == "aggregation" &&
          vector.input.dump().find("invalid") != std::string::npos);
}

json read(const Vector& vector) {
  const auto& [function, input, expected] = vector;
  if (function == "first") return read_search(sent("first", input)).offset + 1;
  if (function == "last") return read_search(sent("last", input)).limit;
  if (function == "select(set)") return *read_search(sent("select", input)).select;
  if (function == "orderby") return order_of(input);
  if (function == "orderby-clause") return first_or_null(order_of(input));
  if (function == "aggregation") return aggregations_of(input);
  if (function == "aggregation-clause") {
    const auto list = aggregations_of(input);
    return list.is_null() ? list : first_or_null(list);
  }
  if (function == "comma-split") return name_list(sent("select", input), "select");
  if (function.starts_with("paging")) return paging_of(input);
  if (function.starts_with("filter-join")) {
    const auto joint = filter::parse(expected.get<std::string>());
    const auto found = *read_search(sent("filter", input)).filter;
    CHECK(found.kind == joint.kind);
    CHECK(found.parts.size() == joint.parts.size());
    return expected;
  }
  FAIL("a kind of vector that is not checked: " << function);
  return nullptr;
}

TEST_CASE("search: every parameter vector is read as the original reads it", "[api]") {
  for (const auto& vector : vectors()) {
    CAPTURE(vector.function, vector.input.dump());
    const auto expected = refused_here(vector) ? json() : vector.expected;
    CHECK(read(vector) == expected);
  }
}

}  // namespace
}  // namespace jobengine::api::cimi
