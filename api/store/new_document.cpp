#include "api/store/new_document.hpp"

#include <utility>

#include "api/notation/notation.hpp"

namespace jobengine::api::store {

NewDocument new_document(std::string id, const nlohmann::json& document) {
  NewDocument made;
  made.id = std::move(id);
  made.may_be_there = true;
  made.text = notation::written(document);
  made.text.shrink_to_fit();  // it waits with thousands of others
  const auto collection = collection_of(made.id);
  made.plain = plain_columns(collection, document);
  made.claims = claims_of(document);
  made.tags = tags_of(collection, document);
  return made;
}

}  // namespace jobengine::api::store
