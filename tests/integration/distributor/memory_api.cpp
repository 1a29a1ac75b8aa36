#include "tests/integration/distributor/memory_api.hpp"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "api/filter/evaluate.hpp"
#include "distributor/schedule/instant.hpp"

namespace jobengine::tests {

using nlohmann::json;

namespace {

std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      result.push_back(
          static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16)));
      i += 2;
    } else {
      result.push_back(text[i]);
    }
  }
  return result;
}

std::map<std::string, std::string> parameters(const std::string& form) {
  std::map<std::string, std::string> result;
  std::size_t start = 0;
  while (start < form.size()) {
    const std::size_t end = std::min(form.find('&', start), form.size());
    const std::string part = form.substr(start, end - start);
    const std::size_t equals = part.find('=');
    result[part.substr(0, equals)] = decoded(part.substr(equals + 1));
    start = end + 1;
  }
  return result;
}

cimi::Reply reply_of(cimi::ReplyKind kind, std::string message = {}) {
  cimi::Reply reply;
  reply.kind = kind;
  reply.message = std::move(message);
  return reply;
}

// In the order of "a:asc,b:asc"; what is missing comes last.
bool before(const json& one, const json& other, const std::string& orderby) {
  std::size_t start = 0;
  while (start < orderby.size()) {
    const std::size_t end = std::min(orderby.find(',', start), orderby.size());
    const std::string attribute = orderby.substr(start, orderby.find(':', start) - start);
    const bool has = one.contains(attribute);
    if (has != other.contains(attribute)) return has;
    if (has && one[attribute] != other[attribute]) return one[attribute] < other[attribute];
    start = end + 1;
  }
  return one["id"] < other["id"];
}

}  // namespace

awaitable<cimi::Reply> MemoryApi::request(cimi::Request request) {
  // Answers never come within the call.
  const auto loop = co_await asio::this_coro::executor;
  co_await asio::post(loop, use_awaitable);
  const Trouble trouble = next_trouble(request.method);
  if (trouble == Trouble::Unreachable) co_return reply_of(cimi::ReplyKind::Unreachable, "cut off");
  if (trouble == Trouble::Unavailable) co_return reply_of(cimi::ReplyKind::Unavailable, "busy");
  if (trouble == Trouble::Invalid) co_return reply_of(cimi::ReplyKind::Invalid, "no such thing");
  if (trouble == Trouble::Conflict) co_return reply_of(cimi::ReplyKind::Conflict, "taken");
  cimi::Reply reply = reply_of(cimi::ReplyKind::NotFound, request.method + " " + request.path);
  if (request.method == "POST") {
    auto document = json::parse(request.body);
    if (before_post && !before_post(document)) {
      co_return reply_of(cimi::ReplyKind::Unreachable, "lost");
    }
    reply = add(request.path, std::move(document));
  }
  if (request.method == "PUT") {
    ++searches;
    reply = search(request.path, request.body);
  }
  if (trouble == Trouble::AnswerLost) co_return reply_of(cimi::ReplyKind::Unreachable, "lost");
  co_return reply;
}

std::string MemoryApi::put(const std::string& collection, json document) {
  char number[16];
  std::snprintf(number, sizeof number, "%08d", ++sequence_);
  if (!document.contains("id")) document["id"] = collection + "/" + number;
  const std::string now = distributor::text(distributor::now());
  if (!document.contains("created")) document["created"] = now;
  if (!document.contains("updated")) document["updated"] = document["created"];
  const std::string id = document["id"].get<std::string>();
  resources_[id] = std::move(document);
  return id;
}

std::vector<json> MemoryApi::all(const std::string& collection) const {
  std::vector<json> result;
  for (const auto& [id, document] : resources_) {
    if (id.starts_with(collection + "/")) result.push_back(document);
  }
  std::sort(result.begin(), result.end(), [](const json& one, const json& other) {
    return std::tie(one["created"], one["id"]) < std::tie(other["created"], other["id"]);
  });
  return result;
}

void MemoryApi::trouble(const std::string& method, Trouble kind, int times) {
  troubles_[method] = {kind, times};
}

MemoryApi::Trouble MemoryApi::next_trouble(const std::string& method) {
  const auto found = troubles_.find(method);
  if (found == troubles_.end() || found->second.second == 0) return Trouble::None;
  --found->second.second;
  return found->second.first;
}

cimi::Reply MemoryApi::add(const std::string& collection, json document) {
  if (!ids_count) document.erase("id");
  const std::string wanted = document.value("id", "");
  if (resources_.contains(wanted)) {
    ++conflicts;
    cimi::Reply refused = reply_of(cimi::ReplyKind::Conflict, "conflict with " + wanted);
    refused.document["resource-id"] = wanted;
    return refused;
  }
  ++posts;
  document["state"] = "QUEUED";
  if (!document.contains("execution-mode")) document["execution-mode"] = "push";
  cimi::Reply reply = reply_of(cimi::ReplyKind::Ok);
  reply.location = put(collection, std::move(document));
  return reply;
}

cimi::Reply MemoryApi::search(const std::string& collection, const std::string& form) const {
  auto asked = parameters(form);
  std::vector<json> found;
  const std::string filter = asked.contains("filter") ? asked["filter"] : "id!=null";
  try {
    const auto node = api::filter::parse(filter);
    for (const json& document : all(collection)) {
      if (api::filter::matches(node, document, {}, {})) found.push_back(document);
    }
  } catch (const api::filter::FilterError& error) {
    return reply_of(cimi::ReplyKind::Invalid, error.what());
  }
  const std::string orderby = asked["orderby"];
  std::sort(found.begin(), found.end(),
            [&](const json& one, const json& other) { return before(one, other, orderby); });
  cimi::Reply reply = reply_of(cimi::ReplyKind::Ok);
  reply.document["count"] = found.size();
  const auto last = static_cast<std::size_t>(std::stoi(asked["last"]));
  if (found.size() > last) found.resize(last);
  reply.document["resources"] = found;
  return reply;
}

}  // namespace jobengine::tests
