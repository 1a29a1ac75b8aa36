// Calls to the resource API from within an action. The executor makes them on the job's behalf and
// refuses when it no longer holds the job. Part of <jobengine/action.hpp>; protocol: CIMI as Nuvla
// speaks it.
#pragma once

#include <jobengine/plugin_abi.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace jobengine {

// An answer outside 2xx, or none at all (status 0).
class ApiError : public std::runtime_error {
 public:
  ApiError(int status, const std::string& request, const std::string& reason)
      : std::runtime_error(request + ": " + (status == 0 ? "no answer" : std::to_string(status)) +
                           (reason.empty() ? "" : ": " + reason)),
        status_(status),
        reason_(reason) {}
  // The HTTP status; 0 when there was no answer.
  int status() const noexcept { return status_; }
  // The message of the API, or why there was no answer.
  const std::string& reason() const noexcept { return reason_; }

 private:
  int status_;
  std::string reason_;
};

struct ApiRequest {
  std::string method = "GET";
  std::string path;          // below /api/, percent-encoded
  std::string body;          // empty: none
  std::string content_type;  // empty: application/json
  std::string headers;       // "Name: value" lines
};

struct ApiAnswer {
  int status = 0;    // 0: there was no answer, and body says why
  std::string body;  // as it came
};

// What to look for in a collection.
struct Search {
  std::string filter;   // empty: everything
  std::string select;   // "id, state"; empty: whole resources
  std::string orderby;  // "created:desc"
  int first = 0;        // 1-based; 0: not sent
  int last = -1;        // 0: only the count; -1: not sent (the API then returns up to 10 000)
};

namespace detail {

inline je_string borrow(std::string_view text) noexcept {
  return je_string{text.data(), text.size()};
}

inline std::string_view view(je_string text) noexcept {
  return text.data == nullptr ? std::string_view{} : std::string_view{text.data, text.size};
}

// application/x-www-form-urlencoded.
inline std::string form_encoded(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || c == '-' || c == '_' || c == '.' || c == '~') {
      encoded += c;
    } else if (c == ' ') {
      encoded += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += digits[byte >> 4U];
      encoded += digits[byte & 15U];
    }
  }
  return encoded;
}

inline void add_form_field(std::string& form, std::string_view name, std::string_view value) {
  if (!form.empty()) form += '&';
  form.append(name).append("=").append(form_encoded(value));
}

}  // namespace detail

// Cheap to copy; valid during run() only. Any thread. Every call blocks until there is an answer,
// and throws ApiError unless it is a 2xx.
class Api {
 public:
  Api(const je_host& host, je_job& job, std::string as_identity = {})
      : host_(&host), job_(&job), as_identity_(std::move(as_identity)) {}

  // The same API, acting as somebody else: the value of the nuvla-authn-info header ("user/jane
  // user/jane group/nuvla-user"). Works where the executor itself is trusted by that header.
  Api as(std::string identity) const { return Api(*host_, *job_, std::move(identity)); }

  nlohmann::json get(std::string_view path) const { return sent("GET", path, ""); }
  nlohmann::json put(std::string_view path, const nlohmann::json& body) const {
    return sent("PUT", path, body.dump());
  }
  nlohmann::json post(std::string_view path, const nlohmann::json& body) const {
    return sent("POST", path, body.dump());
  }
  nlohmann::json remove(std::string_view id) const { return sent("DELETE", id, ""); }

  // Adds a resource to a collection and returns its id.
  std::string add(std::string_view collection, const nlohmann::json& document) const {
    return post(collection, document).value("resource-id", "");
  }
  // Merges `changes` into a resource, top-level keys only, and returns the new document.
  nlohmann::json edit(std::string_view id, const nlohmann::json& changes) const {
    return put(id, changes);
  }
  nlohmann::json operation(std::string_view id, std::string_view name,
                           const nlohmann::json& body = nlohmann::json::object()) const {
    return post(std::string(id) + "/" + std::string(name), body);
  }

  // The collection document: "count" (all matches) and "resources".
  nlohmann::json search(std::string_view collection, const Search& search) const {
    std::string form;
    if (!search.filter.empty()) detail::add_form_field(form, "filter", search.filter);
    if (search.first > 0) detail::add_form_field(form, "first", std::to_string(search.first));
    if (search.last >= 0) detail::add_form_field(form, "last", std::to_string(search.last));
    if (!search.select.empty()) detail::add_form_field(form, "select", search.select);
    if (!search.orderby.empty()) detail::add_form_field(form, "orderby", search.orderby);
    return checked({"PUT", std::string(collection), form, form_type, ""});
  }
  int64_t count(std::string_view collection, std::string filter) const {
    const auto found = search(collection, {std::move(filter), "", "", 0, 0});
    return found.value("count", int64_t{0});
  }
  // Deletes all resources of the collection that match; the answer says how many in "deleted".
  nlohmann::json bulk_delete(std::string_view collection, std::string_view filter) const {
    std::string form;
    detail::add_form_field(form, "filter", filter);
    return checked({"DELETE", std::string(collection), form, form_type, "bulk: yes"});
  }

  // Any request, any answer; throws nothing of its own.
  ApiAnswer request(const ApiRequest& request) const {
    je_api_request raw{};
    raw.struct_size = sizeof raw;
    raw.method = detail::borrow(request.method);
    raw.path = detail::borrow(request.path);
    raw.content_type = detail::borrow(request.content_type);
    raw.body = detail::borrow(request.body);
    raw.headers = detail::borrow(request.headers);
    raw.as_identity = detail::borrow(as_identity_);
    Slot slot;
    host_->api_request(job_, &raw, &Api::take_answer, &slot);
    if (slot.out_of_memory) throw std::bad_alloc();
    return std::move(slot.answer);
  }

 private:
  static constexpr const char* form_type = "application/x-www-form-urlencoded";

  struct Slot {
    ApiAnswer answer;
    bool out_of_memory = false;
  };

  // Called by the host: nothing may be thrown through it.
  static void take_answer(void* context, int32_t status, je_string body) noexcept {
    auto& slot = *static_cast<Slot*>(context);
    try {
      slot.answer.status = status;
      slot.answer.body = detail::view(body);
    } catch (...) {
      slot.out_of_memory = true;
    }
  }

  nlohmann::json sent(const char* method, std::string_view path, std::string body) const {
    return checked({method, std::string(path), std::move(body), "", ""});
  }

  nlohmann::json checked(const ApiRequest& wanted) const {
    const ApiAnswer answer = request(wanted);
    const std::string what = wanted.method + " " + wanted.path;
    auto document = nlohmann::json::parse(answer.body, nullptr, false);
    if (answer.status < 200 || answer.status > 299) {
      std::string reason = answer.body;
      if (document.is_object() && document.contains("message") && document["message"].is_string()) {
        reason = document["message"].get<std::string>();
      }
      throw ApiError(answer.status, what, reason);
    }
    if (answer.body.empty()) return nlohmann::json::object();
    if (document.is_discarded()) throw ApiError(answer.status, what, "the answer is no JSON");
    return document;
  }

  const je_host* host_;
  je_job* job_;
  std::string as_identity_;
};

}  // namespace jobengine
