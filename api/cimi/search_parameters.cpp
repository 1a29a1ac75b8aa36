#include "api/cimi/search_parameters.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "api/cimi/call.hpp"
#include "api/cimi/cimi_error.hpp"

namespace jobengine::api::cimi {
namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// At each character of `separators`.
std::vector<std::string> split(const std::string& text, const char* separators) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (true) {
    const auto end = text.find_first_of(separators, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return parts;
    begin = end + 1;
  }
}

std::optional<std::int64_t> integer_of(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

// The first value that is an integer; others are ignored, as by the original.
std::optional<std::int64_t> first_integer(const http::Parameters& parameters, const char* name) {
  for (const auto& value : parameters.all(name)) {
    if (const auto number = integer_of(value)) return number;
  }
  return std::nullopt;
}

void read_rows(const http::Parameters& parameters, SearchParameters& search) {
  const auto first = std::max<std::int64_t>(first_integer(parameters, "first").value_or(1), 1);
  const auto last = first_integer(parameters, "last");
  const auto before = first - 1;
  const bool page = last && *last >= first;
  if ((page ? *last : before) > most_rows) {
    throw bad_request(
        "unexpected exception querying: First and last must be less than or equal to 10'000. "
        "Use filter to limit the number of returned resources.");
  }
  search.offset = before;
  search.limit = page ? *last - before : last ? 0 : most_rows - before;
}

// Nested attributes are written with '/', as in filters, or with '.', as the original's database
// has them.
std::vector<std::string> path_of(const std::string& attribute) {
  return split(attribute, "/.");
}

// attribute[:asc|:desc]
std::vector<store::Ordering> read_order(const http::Parameters& parameters) {
  std::vector<store::Ordering> order;
  for (auto& item : name_list(parameters, "orderby")) {
    store::Ordering ordering;
    if (item.ends_with(":desc")) {
      ordering.descending = true;
      item.resize(item.size() - 5);
    } else if (item.ends_with(":asc")) {
      item.resize(item.size() - 4);
    }
    const auto attribute = trimmed(item);
    if (attribute.empty()) continue;
    ordering.path = path_of(attribute);
    order.push_back(std::move(ordering));
  }
  if (order.size() > most_orderings) {
    throw bad_request("orderby names " + std::to_string(order.size()) + " attributes, at most " +
                      std::to_string(most_orderings) + " are possible");
  }
  return order;
}

struct Algorithm {
  std::string_view name;         // as asked for
  std::string_view result_name;  // in the key of the result
  store::Aggregation::Kind kind;
};
using Kind = store::Aggregation::Kind;
constexpr std::array<Algorithm, 11> algorithms{{
    {"min", "min", Kind::Min},
    {"max", "max", Kind::Max},
    {"sum", "sum", Kind::Sum},
    {"avg", "avg", Kind::Avg},
    {"stats", "stats", Kind::Stats},
    {"extendedstats", "extended_stats", Kind::ExtendedStats},
    {"value_count", "value_count", Kind::ValueCount},
    {"percentiles", "percentiles", Kind::Percentiles},
    {"cardinality", "cardinality", Kind::Cardinality},
    {"missing", "missing", Kind::Missing},
    {"terms", "terms", Kind::Terms},
}};

const Algorithm& algorithm_of(const std::string& item, std::string_view name) {
  for (const auto& one : algorithms) {
    if (one.name == name) return one;
  }
  std::string known;
  for (const auto& one : algorithms) known += (known.empty() ? "" : ", ") + std::string(one.name);
  throw bad_request("aggregation '" + item + "': '" + std::string(name) +
                    "' is no algorithm, expected one of " + known);
}

// algorithm:attribute
store::Aggregation read_aggregation(const std::string& item) {
  const auto colon = item.find(':');
  const auto attribute = colon == std::string::npos ? std::string() : item.substr(colon + 1);
  if (attribute.empty() || attribute.find_first_of(" \t\r\n") != std::string::npos) {
    throw bad_request("aggregation '" + item +
                      "': expected <algorithm>:<attribute>, such as terms:state");
  }
  const auto& algorithm = algorithm_of(item, std::string_view(item).substr(0, colon));
  store::Aggregation aggregation;
  aggregation.kind = algorithm.kind;
  aggregation.path = path_of(attribute);
  aggregation.key = std::string(algorithm.result_name) + ":" + attribute;
  return aggregation;
}

// The original ignores what is no aggregation; who asked for it would look for it in vain.
std::vector<store::Aggregation> read_aggregations(const http::Parameters& parameters) {
  std::vector<store::Aggregation> aggregations;
  for (const auto& item : name_list(parameters, "aggregation")) {
    auto aggregation = read_aggregation(item);
    const bool there =
        std::any_of(aggregations.begin(), aggregations.end(),
                    [&](const store::Aggregation& one) { return one.key == aggregation.key; });
    if (!there) aggregations.push_back(std::move(aggregation));
  }
  if (aggregations.size() > most_aggregations) {
    throw bad_request(std::to_string(aggregations.size()) +
                      " aggregations are asked for, at most " + std::to_string(most_aggregations) +
                      " are possible");
  }
  return aggregations;
}

std::optional<std::chrono::milliseconds> read_timeout(const http::Parameters& parameters) {
  constexpr std::int64_t longest = 3'600'000;
  const auto values = parameters.all("timeout");
  if (values.empty()) return std::nullopt;
  const auto number = integer_of(values.front());
  if (!number || *number < 1) {
    throw bad_request("timeout is '" + values.front() +
                      "', expected milliseconds: a whole number from 1");
  }
  return std::chrono::milliseconds(std::min(*number, longest));
}

}  // namespace

std::vector<std::string> name_list(const http::Parameters& parameters, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& value : parameters.all(name)) {
    for (const auto& part : split(value, ",")) {
      auto one = trimmed(part);
      if (!one.empty()) names.push_back(std::move(one));
    }
  }
  return names;
}

SearchParameters read_search(const http::Parameters& parameters) {
  SearchParameters search;
  const auto filters = parameters.all("filter");
  if (!filters.empty()) search.filter = filter::parse_all(filters);
  if (parameters.has("tsds-aggregation")) {
    throw bad_request("tsds-aggregation is not supported, aggregation is");
  }
  read_rows(parameters, search);
  search.order = read_order(parameters);
  search.aggregations = read_aggregations(parameters);
  search.timeout = read_timeout(parameters);
  if (parameters.has("select")) search.select = name_list(parameters, "select");
  return search;
}

}  // namespace jobengine::api::cimi
