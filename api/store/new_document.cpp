#include "api/store/new_document.hpp"

#include <utility>

namespace jobengine::api::store {

NewDocument new_document(std::string id, const nlohmann::json& document) {
  NewDocument made;
  made.id = std::move(id);
  made.may_be_there = true;
  made.text = document.dump();
  const auto collection = collection_of(made.id);
  made.plain = plain_columns(collection, document);
  made.claims = claims_of(document);
  made.tags = tags_of(collection, document);
  return made;
}

}  // namespace jobengine::api::store
