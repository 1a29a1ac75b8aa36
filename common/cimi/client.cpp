#include "common/cimi/client.hpp"

namespace jobengine::cimi {

namespace {

constexpr const char* form_type = "application/x-www-form-urlencoded";

Request make_request(std::string method, std::string path) {
  Request request;
  request.method = std::move(method);
  request.path = std::move(path);
  return request;
}

std::string json_body(const nlohmann::json& document) {
  // Texts from actions may hold anything; what is no UTF-8 is replaced rather than refused.
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

awaitable<OpenedEvents> Client::open_events(std::string path, std::string /*last_event_id*/) {
  OpenedEvents none;
  none.reply.kind = ReplyKind::NotFound;
  none.reply.message = "GET " + path + ": this client has no events";
  co_return none;
}

awaitable<Reply> Client::log_in() {
  Reply none_needed;
  none_needed.kind = ReplyKind::Ok;
  co_return none_needed;
}

awaitable<Reply> log_in(Client& client) {
  return client.log_in();
}

// None of these is a coroutine itself: they only compose the request.

awaitable<Reply> Client::get(std::string id) {
  return request(make_request("GET", std::move(id)));
}

awaitable<Reply> Client::add(std::string collection, nlohmann::json document) {
  Request adding = make_request("POST", std::move(collection));
  adding.body = json_body(document);
  return request(std::move(adding));
}

awaitable<Reply> Client::edit(std::string id, nlohmann::json changes) {
  return edit(std::move(id), std::move(changes), EditOptions());
}

awaitable<Reply> Client::edit(std::string id, nlohmann::json changes, EditOptions options) {
  Request editing = make_request("PUT", std::move(id));
  editing.body = json_body(changes);
  editing.deadline = options.deadline;
  std::string removed;
  for (const std::string& attribute : options.remove) {
    removed += (removed.empty() ? "" : ",") + percent_encoded(attribute);
  }
  if (!removed.empty()) editing.path += "?select=" + removed;
  editing.wants_document = options.wants_document;
  if (!options.if_match.empty()) {
    editing.headers.emplace_back("If-Match", std::move(options.if_match));
  }
  return request(std::move(editing));
}

awaitable<Reply> Client::remove(std::string id) {
  return request(make_request("DELETE", std::move(id)));
}

awaitable<Reply> Client::search(std::string collection, Search search) {
  Request searching = make_request("PUT", std::move(collection));
  searching.body = form(search);
  searching.content_type = form_type;
  return request(std::move(searching));
}

awaitable<Reply> Client::operation(std::string id, std::string operation, nlohmann::json body) {
  Request operating = make_request("POST", std::move(id) + "/" + percent_encoded(operation));
  if (!body.is_null()) operating.body = json_body(body);
  return request(std::move(operating));
}

awaitable<Reply> Client::bulk_delete(std::string collection, std::string filter) {
  Search search;
  search.filter = std::move(filter);
  Request deleting = make_request("DELETE", std::move(collection));
  deleting.body = form(search);
  deleting.content_type = form_type;
  deleting.headers.emplace_back("bulk", "yes");
  return request(std::move(deleting));
}

}  // namespace jobengine::cimi
