#include "api/cimi/search_parameters.hpp"

#include <algorithm>
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

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (true) {
    const auto end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return parts;
    begin = end + 1;
  }
}

// The first value that is an integer; others are ignored, as by the original.
std::optional<std::int64_t> first_integer(const http::Parameters& parameters, const char* name) {
  for (const auto& value : parameters.all(name)) {
    std::int64_t number = 0;
    const auto* end = value.data() + value.size();
    const auto read = std::from_chars(value.data(), end, number);
    if (read.ec == std::errc() && read.ptr == end) return number;
  }
  return std::nullopt;
}

void read_rows(const http::Parameters& parameters, SearchParameters& search) {
  const auto first = std::max<std::int64_t>(first_integer(parameters, "first").value_or(1), 1);
  const auto last = first_integer(parameters, "last");
  const bool too_far = first - 1 > most_rows || (last && *last > most_rows);
  search.offset = std::min(first - 1, most_rows);
  search.limit = most_rows - search.offset;
  if (last) search.limit = *last < first ? 0 : *last - first + 1;
  if (too_far && search.limit > 0) {
    throw bad_request(
        "unexpected exception querying: First and last must be less than or equal to 10'000. "
        "Narrow the filter to reach what lies behind.");
  }
}

// attribute[:asc|:desc], nested attributes with '/'.
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
    ordering.path = split(attribute, '/');
    order.push_back(std::move(ordering));
  }
  return order;
}

}  // namespace

std::vector<std::string> name_list(const http::Parameters& parameters, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& value : parameters.all(name)) {
    for (const auto& part : split(value, ',')) {
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
  if (parameters.has("aggregation") || parameters.has("tsds-aggregation")) {
    throw bad_request("aggregation is not supported by this server");
  }
  read_rows(parameters, search);
  search.order = read_order(parameters);
  if (parameters.has("select")) search.select = name_list(parameters, "select");
  return search;
}

}  // namespace jobengine::api::cimi
