#include "api/cimi/cloud_entry_point.hpp"

#include "api/access/identity.hpp"

namespace jobengine::api::cimi {

using nlohmann::json;

json cloud_entry_point(const std::vector<std::string>& collections, const std::string& base_uri,
                       const std::string& since) {
  json document;
  document["id"] = "cloud-entry-point";
  document["resource-type"] = "cloud-entry-point";
  document["created"] = since;
  document["updated"] = since;
  document["acl"]["owners"] = json::array({access::admin_claim});
  document["acl"]["view-data"] = json::array({access::anonymous_claim});
  document["acl"]["view-meta"] = json::array({access::anonymous_claim});
  document["base-uri"] = base_uri;
  for (const auto& name : collections) document["collections"][name]["href"] = name;
  return document;
}

}  // namespace jobengine::api::cimi
