// What every collection can: query, add, retrieve, edit, delete, operations, bulk delete (spec 3.4
// to 3.7). Derived classes say what a document of theirs is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/acl.hpp"
#include "api/cimi/call.hpp"
#include "api/cimi/cimi_error.hpp"
#include "api/cimi/description.hpp"
#include "api/cimi/timestamp.hpp"
#include "api/http/response.hpp"
#include "api/store/store.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::api::cimi {

// Immutable after construction; calls run on any io thread, and suspend there. The store must
// outlive it. Refusals are thrown as CimiError.
class Collection {
 public:
  Collection(store::Store& store, std::string name, access::CollectionAcl acl);
  virtual ~Collection() = default;
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  const std::string& name() const { return name_; }
  // What documents and requests look like, for /api/openapi.json and /api/resource-metadata. By
  // itself: the common attributes and any others, no operations.
  virtual Description description() const;

  awaitable<http::Response> query(Call call);
  awaitable<http::Response> retrieve(Call call);
  awaitable<http::Response> bulk_remove(Call call);
  virtual awaitable<http::Response> add(Call call);
  virtual awaitable<http::Response> edit(Call call);
  virtual awaitable<http::Response> remove(Call call);
  // Any method on /api/<collection>/<uuid>/<operation>.
  virtual awaitable<http::Response> operate(Call call);
  // PATCH on /api/<collection>/<action>.
  virtual awaitable<http::Response> bulk_action(Call call);

  // What event streams are made of. Throws CimiError 404 or 403.
  awaitable<store::StoredDocument> visible(std::string id, access::Identity who);
  // Of these attributes what `who` may see, as far as the document has them.
  nlohmann::json visible_attributes(const nlohmann::json& document, const access::Identity& who,
                                    const std::vector<std::string>& names) const;
  // A search as query() makes it. Throws CimiError 403, and 400 for what cannot be searched.
  store::SearchRequest search_for(const access::Identity& who,
                                  std::optional<filter::Node> filter) const;

 protected:
  // The id a new resource gets because its maker wants it; nothing: one of our choice. An add whose
  // id is taken is refused with 409. Throws CimiError 400 for what is no id.
  virtual std::optional<std::string> chosen_id(const Call& call) const;
  // A new document from the body of an add. Throws CimiError.
  virtual nlohmann::json new_document(const Call& call, const std::string& id, WallTime now) = 0;
  // The document after an edit, rights included. Throws CimiError. Called on the store's thread.
  virtual nlohmann::json edited_document(const nlohmann::json& current, const Call& call,
                                         WallTime now) = 0;
  // Operations beside edit and delete that are possible in the document's state.
  virtual std::vector<std::string> further_operations(const nlohmann::json& document,
                                                      const access::Identity& who) const;
  virtual bool editable(const nlohmann::json& document) const;
  // Names that bulk_action() knows.
  virtual std::vector<std::string> bulk_actions() const { return {}; }
  // All attributes that editable() and further_operations() look at; then a document can be shown
  // without being parsed. Empty: any.
  virtual std::vector<std::string_view> operations_hang_on() const { return {}; }
  // Top-level attributes nobody may see.
  virtual std::vector<std::string> hidden() const { return {}; }
  // Top-level attributes nobody may search for, sort by or aggregate; at least what is hidden.
  virtual std::vector<std::string> unsearchable() const { return hidden(); }
  virtual store::Visibility visibility(const access::Identity& who) const;
  virtual bool awaits_entry(const store::StoredDocument* before, const nlohmann::json& after) const;
  // After a change was committed.
  virtual void committed(const store::StoredDocument& stored);

  // Reads, decides and writes one document in one transaction. `decide` gets the newest document,
  // and throws CimiError to refuse. 404 when there is none, 412 when If-Match does not fit.
  using Edit = std::function<nlohmann::json(const nlohmann::json& current)>;
  // The result has no `document`, but its text. `call` must outlive the wait.
  awaitable<store::StoredDocument> change_one(const Call& call, Edit decide);

  // As `who` may see it, with its operations.
  nlohmann::json view(nlohmann::json document, const access::Identity& who) const;
  // Of a document that comes as text.
  http::Response changed_response(store::StoredDocument stored, const access::Identity& who) const;
  void check_precondition(const store::StoredDocument& current, const Call& call) const;
  const nlohmann::json& body_object(const Call& call) const;
  // Throws CimiError when the body is none of an edit of this resource.
  void check_edit(const Call& call) const;

  // Throws CimiError when the search names an attribute that cannot be searched: what it finds
  // would tell of hidden ones.
  void check_search(const store::SearchRequest& request) const;

  store::Store& store() { return store_; }
  const access::CollectionAcl& acl() const { return acl_; }

 private:
  // Without what is hidden.
  nlohmann::json shown(nlohmann::json document) const;
  // Whether `who` sees all of a document, and an answer writes it as the store does.
  static bool shows_as_text(const std::string& text, const access::Identity& who);
  // The body of a document whose text is shown as it stands; nothing when it has to be parsed.
  std::optional<std::string> view_of_text(std::string text, const access::Identity& who) const;
  nlohmann::json operations(const nlohmann::json& document, const access::Identity& who) const;
  nlohmann::json row(nlohmann::json document, const access::Identity& who,
                     const std::optional<std::vector<std::string>>& select) const;
  // As a JSON array. Others are served between the rows.
  awaitable<std::string> rows(std::vector<store::StoredDocument> found, access::Identity who,
                              std::optional<std::vector<std::string>> select) const;
  nlohmann::json collection_operations(const access::Identity& who) const;

  store::Store& store_;
  std::string name_;
  access::CollectionAcl acl_;
};

CimiError undefined_action(const Call& call);
CimiError method_not_allowed(const Call& call);

}  // namespace jobengine::api::cimi
