// One request on its way to a collection: routed, read and with its sender known.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/access/identity.hpp"
#include "api/http/form.hpp"
#include "api/http/router.hpp"

namespace jobengine::api::cimi {

inline constexpr const char* json_patch_type = "application/json-patch+json";

struct Call {
  std::string method;  // "GET"
  std::string uri;     // path as sent
  http::Route route;
  http::Parameters url;         // the query string
  http::Parameters parameters;  // the query string, and the form when the body is one
  std::string media_type;       // of the body, in lower case and without parameters; "" when none
  nlohmann::json body;          // JSON body; null when there was none
  // A JSON array where many resources can be added at once, unparsed: it may be long.
  std::optional<std::string> list;
  std::size_t largest_element = 0;  // of it, in bytes
  access::Identity who;
  std::string if_match;
  std::string if_none_match;
  std::string accept;         // "text/event-stream": as a stream, where there is one
  std::string last_event_id;  // what an event stream is resumed from
  bool bulk = false;          // header "bulk" is present
  bool over_tls = false;      // our own TLS, or says X-Forwarded-Proto
  std::string base_uri;       // "http://host/api/"
  std::string client;         // the address it comes from; "" when that is unknown
};

// Comma-separated names, also over several parameters of that name; blanks trimmed.
std::vector<std::string> name_list(const http::Parameters& parameters, const std::string& name);

}  // namespace jobengine::api::cimi
