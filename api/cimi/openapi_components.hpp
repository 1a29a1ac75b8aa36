// What the paths of /api/openapi.json have in common: parameters, answers, errors, who is asking.
// Pure.
#pragma once

#include <nlohmann/json.hpp>

namespace jobengine::api::cimi {

// "components" of the document; the schemas of the collections are to be added.
nlohmann::json openapi_components();

// What a search may ask for, as parameters of the query string and as properties of a form.
nlohmann::json query_parameters();
nlohmann::json query_form();

}  // namespace jobengine::api::cimi
