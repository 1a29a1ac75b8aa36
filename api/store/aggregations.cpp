#include "api/store/aggregations.hpp"

#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "api/filter/dates.hpp"
#include "api/store/plain_columns.hpp"

namespace jobengine::api::store {
namespace {

using nlohmann::json;
using Kind = Aggregation::Kind;

constexpr std::size_t most_buckets = 10;
constexpr std::array<std::pair<const char*, double>, 7> percents = {
    {{"1.0", 1}, {"5.0", 5}, {"25.0", 25}, {"50.0", 50}, {"75.0", 75}, {"95.0", 95}, {"99.0", 99}}};

// Where the values of one attribute come from: "SELECT value … " + from.
struct Source {
  std::string value;
  std::string type;  // SQL: 'text', 'integer', 'real', 'true', 'false'; of dates 'date'
  std::string from;  // FROM … WHERE …: one row for each value
  std::string documents = "count(*)";  // SQL: how many documents a group of rows comes from
  bool dates = false;
  bool texts = false;  // only texts stand there
  std::vector<filter::SqlValue> values;
};

Source on_column(const filter::Column& column, const Selection& selection) {
  Source source;
  source.value = column.name;
  source.dates = column.kind == filter::Column::Kind::Date;
  source.texts = column.kind == filter::Column::Kind::Text;
  source.type = source.texts ? "'text'" : source.dates ? "'date'" : "'integer'";
  source.from = " FROM resource WHERE " + selection.where + " AND " + column.name + " IS NOT NULL";
  source.values = selection.values;
  return source;
}

// The same values, summed up already.
Source of_kinds(Source source, const Selection& selection) {
  source.from = " FROM tally WHERE " + selection.where + " AND " + source.value + " IS NOT NULL";
  source.documents = "sum(documents)";
  return source;
}

Source on_document(const Aggregation& aggregation, const Selection& selection,
                   const filter::SqlMapping& mapping) {
  Source source;
  source.values = selection.values;
  source.dates = mapping.types.dates.contains(filter::joined_path(aggregation.path));
  const auto found = filter::values_at(aggregation.path, mapping, source.values);
  if (!found) {
    source.value = "NULL";
    source.type = "NULL";
    source.from = " FROM resource WHERE 0 AND " + selection.where;
    return source;
  }
  // The names of the tables of values must not meet those in the condition.
  source.from = " FROM (SELECT row AS place, document FROM resource WHERE " + selection.where +
                "), " + found->tables + " WHERE " + found->type +
                " IN ('text','integer','real','true','false')";
  source.documents = "count(DISTINCT place)";
  source.value = found->value;
  source.type = found->type;
  if (source.dates) {
    source.value = "je_millis(" + found->value + ")";
    source.type = "'date'";
    source.from += " AND " + source.value + " IS NOT NULL";
  }
  return source;
}

Source source_of(const Aggregation& aggregation, const Selection& selection,
                 const filter::SqlMapping& mapping) {
  const auto column = mapping.columns.find(filter::joined_path(aggregation.path));
  return column == mapping.columns.end() ? on_document(aggregation, selection, mapping)
                                         : on_column(column->second, selection);
}

[[noreturn]] void refuse_texts(const Aggregation& aggregation) {
  throw filter::FilterError("The aggregation " + aggregation.key +
                            " cannot be made: " + filter::joined_path(aggregation.path) +
                            " holds texts, expected numbers or dates.");
}

std::string time_text(double millis) {
  return filter::timestamp_text(static_cast<filter::Millis>(std::llround(millis)));
}

// A number JSON has no name for is a text, as in Elasticsearch.
json number(double value) {
  if (std::isfinite(value)) return value;
  if (std::isnan(value)) return "NaN";
  return value > 0 ? "Infinity" : "-Infinity";
}

void put_number(json& result, const std::string& name, double value, bool date) {
  result[name] = number(value);
  if (date) result[name + "_as_string"] = time_text(value);
}

json single(double value, bool date) {
  json result;
  put_number(result, "value", value, date);
  return result;
}

struct Sums {
  std::int64_t count = 0;
  double min = 0;
  double max = 0;
  double sum = 0;
  double squares = 0;     // sum of the squares
  double deviations = 0;  // sum of the squared distances from the mean
  double mean() const { return sum / static_cast<double>(count); }
};

Sums sums_of(Connection& connection, const Aggregation& aggregation, const Source& source) {
  const auto& value = source.value;
  Sums sums;
  Statement totals(connection, "SELECT count(*), min(" + value + "), max(" + value + "), total(" +
                                   value + "), total(1.0 * " + value + " * " + value +
                                   "), coalesce(max(" + source.type + " = 'text'), 0)" +
                                   source.from);
  totals.bind_all(source.values);
  if (!totals.step()) return sums;
  if (totals.integer(5) != 0) refuse_texts(aggregation);
  sums.count = totals.integer(0);
  sums.min = totals.real(1);
  sums.max = totals.real(2);
  sums.sum = totals.real(3);
  sums.squares = totals.real(4);
  if (aggregation.kind != Kind::ExtendedStats || sums.count == 0) return sums;
  // From the sums alone the variance of large numbers, which dates are, would be all rounding.
  auto values = source.values;
  values.emplace_back(sums.mean());
  const auto distance = "(" + value + " - ?" + std::to_string(values.size()) + ")";
  Statement spread(connection, "SELECT total(" + distance + " * " + distance + ")" + source.from);
  spread.bind_all(values);
  if (spread.step()) sums.deviations = spread.real(0);
  return sums;
}

json stats(const Sums& sums, bool dates) {
  json result;
  result["count"] = sums.count;
  if (sums.count == 0) {
    for (const char* name : {"min", "max", "avg"}) result[name] = nullptr;
    result["sum"] = 0.0;
    return result;
  }
  put_number(result, "min", sums.min, dates);
  put_number(result, "max", sums.max, dates);
  put_number(result, "avg", sums.mean(), dates);
  result["sum"] = number(sums.sum);
  return result;
}

json extended_stats(const Sums& sums, bool dates) {
  auto result = stats(sums, dates);
  const auto count = static_cast<double>(sums.count);
  const auto put = [&](json& into, const std::string& name, double value) {
    into[name] = sums.count == 0 ? json(nullptr) : number(value);
  };
  const double population = sums.deviations / count;
  const double sampling = sums.deviations / (count - 1);
  put(result, "sum_of_squares", sums.squares);
  put(result, "variance", population);
  put(result, "variance_population", population);
  put(result, "variance_sampling", sampling);
  put(result, "std_deviation", std::sqrt(population));
  put(result, "std_deviation_population", std::sqrt(population));
  put(result, "std_deviation_sampling", std::sqrt(sampling));
  json bounds = json::object();
  for (const auto& [suffix, variance] : {std::pair<std::string, double>("", population),
                                         std::pair<std::string, double>("_population", population),
                                         std::pair<std::string, double>("_sampling", sampling)}) {
    put(bounds, "upper" + suffix, sums.mean() + 2 * std::sqrt(variance));
    put(bounds, "lower" + suffix, sums.mean() - 2 * std::sqrt(variance));
  }
  result["std_deviation_bounds"] = std::move(bounds);
  return result;
}

json calculated(Connection& connection, const Aggregation& aggregation, const Source& source) {
  const auto sums = sums_of(connection, aggregation, source);
  if (aggregation.kind == Kind::Stats) return stats(sums, source.dates);
  if (aggregation.kind == Kind::ExtendedStats) return extended_stats(sums, source.dates);
  if (aggregation.kind == Kind::Sum) return single(sums.sum, /*date=*/false);
  if (sums.count == 0) return {{"value", nullptr}};
  const double value = aggregation.kind == Kind::Min   ? sums.min
                       : aggregation.kind == Kind::Max ? sums.max
                                                       : sums.mean();
  return single(value, source.dates);
}

// Between the two values that stand around the wanted place of the sorted ones.
json percentiles(Connection& connection, const Aggregation& aggregation, const Source& source) {
  json result = json::object();
  const auto count = sums_of(connection, aggregation, source).count;
  for (const auto& [name, percent] : percents) result[name] = nullptr;
  if (count == 0) return {{"values", result}};
  const auto place_of = [count](double percent) {
    return percent / 100 * static_cast<double>(count - 1);
  };
  std::map<double, double> at;  // the values at the wanted places of the sorted ones
  for (const auto& [name, percent] : percents) {
    at[std::floor(place_of(percent))] = 0;
    at[std::ceil(place_of(percent))] = 0;
  }
  Statement sorted(
      connection, "SELECT " + source.value + ", count(*)" + source.from + " GROUP BY 1 ORDER BY 1");
  sorted.bind_all(source.values);
  double passed = 0;
  for (auto next = at.begin(); next != at.end() && sorted.step();) {
    passed += sorted.real(1);
    for (; next != at.end() && next->first < passed; ++next) next->second = sorted.real(0);
  }
  for (const auto& [name, percent] : percents) {
    const double place = place_of(percent);
    const double low = at[std::floor(place)];
    const double high = at[std::ceil(place)];
    put_number(result, name, low + (high - low) * (place - std::floor(place)), source.dates);
  }
  return {{"values", result}};
}

json bucket_of(const Statement& row) {
  json bucket;
  const auto type = row.text(1);
  if (type == "text") {
    bucket["key"] = row.text(0);
  } else if (type == "real") {
    bucket["key"] = row.real(0);
  } else {
    bucket["key"] = row.integer(0);
    if (type == "date") bucket["key_as_string"] = filter::timestamp_text(row.integer(0));
    if (type == "true" || type == "false") bucket["key_as_string"] = type;
  }
  bucket["doc_count"] = row.integer(2);
  return bucket;
}

json terms(Connection& connection, const Source& source) {
  Statement groups(connection,
                   "SELECT value, type, documents, sum(documents) OVER () FROM "
                   "(SELECT " +
                       source.value + " AS value, min(" + source.type + ") AS type, " +
                       source.documents + " AS documents" + source.from + " GROUP BY " +
                       source.value + ", " + source.type +
                       " IN ('true','false')) ORDER BY documents DESC, value LIMIT " +
                       std::to_string(most_buckets));
  groups.bind_all(source.values);
  json buckets = json::array();
  std::int64_t others = 0;
  while (groups.step()) {
    if (buckets.empty()) others = groups.integer(3);
    others -= groups.integer(2);
    buckets.push_back(bucket_of(groups));
  }
  return {{"doc_count_error_upper_bound", 0},
          {"sum_other_doc_count", others},
          {"buckets", std::move(buckets)}};
}

json counted(Connection& connection, const Source& source, const std::string& what) {
  Statement statement(connection, "SELECT " + what + source.from);
  statement.bind_all(source.values);
  return {{"value", statement.step() ? statement.integer(0) : 0}};
}

json missing(Connection& connection, const Aggregation& aggregation, const Selection& selection,
             const filter::SqlMapping& mapping) {
  filter::Node absent;
  absent.comparison = {aggregation.path, filter::Operator::Equal, filter::Scalar(filter::Null{})};
  auto values = selection.values;
  const auto condition = filter::to_sql(absent, mapping, /*now=*/0, values, selection.sight);
  Statement statement(
      connection, "SELECT count(*) FROM resource WHERE " + selection.where + " AND " + condition);
  statement.bind_all(values);
  return {{"doc_count", statement.step() ? statement.integer(0) : 0}};
}

json aggregate(Connection& connection, const Aggregation& aggregation, const Selection& selection,
               const filter::SqlMapping& mapping) {
  if (aggregation.kind == Kind::Missing) {
    return missing(connection, aggregation, selection, mapping);
  }
  auto seen = selection;
  const auto& sight = selection.sight.of(aggregation.path, mapping);
  if (!sight.empty()) seen.where += " AND " + sight;
  auto source = source_of(aggregation, seen, mapping);
  switch (aggregation.kind) {
    case Kind::Terms:
      if (seen.of_kinds && (source.value == "state" || source.value == "action")) {
        source = of_kinds(std::move(source), seen);
      }
      return terms(connection, source);
    case Kind::ValueCount:
      return counted(connection, source, "count(*)");
    case Kind::Cardinality:
      return counted(connection, source, "count(DISTINCT " + source.value + ")");
    case Kind::Min:
    case Kind::Max:
    case Kind::Sum:
    case Kind::Avg:
    case Kind::Stats:
    case Kind::ExtendedStats:
    case Kind::Percentiles:
    case Kind::Missing:
      break;
  }
  if (source.texts) refuse_texts(aggregation);
  return aggregation.kind == Kind::Percentiles ? percentiles(connection, aggregation, source)
                                               : calculated(connection, aggregation, source);
}

}  // namespace

json aggregated(Connection& connection, const Selection& selection, const std::string& collection,
                const std::vector<Aggregation>& aggregations) {
  const auto& mapping = mapping_of(collection);
  json results = json::object();
  for (const auto& aggregation : aggregations) {
    results[aggregation.key] = aggregate(connection, aggregation, selection, mapping);
  }
  return results;
}

}  // namespace jobengine::api::store
