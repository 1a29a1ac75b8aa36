#include "api/store/recent_documents.hpp"

#include <utility>

namespace jobengine::api::store {
namespace {

// As many jobs as run at a time in a large installation; parsed, the largest takes about 40 KB, the
// usual one 5 KB.
constexpr std::size_t most_documents = 512;
constexpr std::size_t largest_text = 4096;

}  // namespace

std::optional<CurrentDocument> RecentDocuments::take(const std::string& id) {
  const auto known = by_id_.find(id);
  if (known == by_id_.end()) return std::nullopt;
  const auto place = known->second;
  by_id_.erase(known);  // its key is part of the document
  std::optional<CurrentDocument> taken(std::move(*place));
  by_age_.erase(place);
  return taken;
}

void RecentDocuments::keep(CurrentDocument document, std::size_t size) {
  if (size > largest_text) return;
  forget(document.stored.id);
  if (by_age_.size() >= most_documents) {
    const std::string oldest = by_age_.front().stored.id;
    forget(oldest);
  }
  by_age_.push_back(std::move(document));
  const auto place = std::prev(by_age_.end());
  by_id_.emplace(place->stored.id, place);
}

void RecentDocuments::forget(const std::string& id) {
  const auto known = by_id_.find(id);
  if (known == by_id_.end()) return;
  const auto place = known->second;
  by_id_.erase(known);
  by_age_.erase(place);
}

void RecentDocuments::clear() {
  by_id_.clear();
  by_age_.clear();
}

}  // namespace jobengine::api::store
