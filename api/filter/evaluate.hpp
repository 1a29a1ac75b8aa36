// The meaning of filters on documents in memory (spec 4.2). Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "api/filter/condition.hpp"
#include "api/filter/filter.hpp"

namespace jobengine::api::filter {

// Throws FilterError as resolve() does, also for parts that need not be looked at.
bool matches(const Node& node, const nlohmann::json& document, const FieldTypes& types, Millis now);

bool matches(const Condition& condition, const std::vector<std::string>& path,
             const nlohmann::json& document);

// The texts a full-text comparison on this path looks at. The path {"fulltext"} is the catch-all:
// id, name, description, subtype and tags.
std::vector<std::string> texts_at(const std::vector<std::string>& path,
                                  const nlohmann::json& document);

// What a document's value is as a date: a timestamp, or a whole number of milliseconds since 1970.
std::optional<Millis> date_value(const nlohmann::json& value);

}  // namespace jobengine::api::filter
