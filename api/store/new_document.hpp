// A document on its way into the store with many others, in the form in which it is kept: made on
// the thread of whoever adds it, so that the one thread that writes only has to write. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "api/store/plain_columns.hpp"

namespace jobengine::api::store {

struct NewDocument {
  std::string id;
  std::string text;
  PlainColumns plain;
  std::map<std::string, Sees> claims;
  std::set<std::string> tags;
  bool awaits_entry = false;
  bool may_be_there = false;  // its id was not made for it: looked for before anything is added
};

// May be there, and awaits no entry, unless that is changed.
NewDocument new_document(std::string id, const nlohmann::json& document);

}  // namespace jobengine::api::store
