// Documents that were written lately and are likely to be changed again soon: read from here they
// need not be looked up and parsed. Lives on the writing thread.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "api/store/store.hpp"
#include "api/store/tally.hpp"

namespace jobengine::api::store {

// A document as the transaction has it so far, with what stands beside it.
struct CurrentDocument {
  StoredDocument stored;
  std::int64_t row = 0;
  DocumentKind kind;
};

class RecentDocuments {
 public:
  // Not kept any more then: what is done with it decides what is kept next.
  std::optional<CurrentDocument> take(const std::string& id);
  // `size`: of its text. Large ones are not kept, and the oldest goes when there are many.
  void keep(CurrentDocument document, std::size_t size);
  void forget(const std::string& id);
  void clear();

 private:
  std::list<CurrentDocument> by_age_;  // the oldest first
  std::unordered_map<std::string_view, std::list<CurrentDocument>::iterator> by_id_;
};

}  // namespace jobengine::api::store
