// Whole requests against the service with a real store: every answer has a status this API knows,
// and its JSON is JSON. An input is a few requests:
//   METHOD target
//   name: value
//
//   body
//   %%
//   the next one
#include <algorithm>
#include <array>
#include <memory>

#include "api/access/password_hash.hpp"
#include "api/cimi/credential_collection.hpp"
#include "api/cimi/group_collection.hpp"
#include "api/cimi/job_collection.hpp"
#include "api/cimi/job_document.hpp"
#include "api/cimi/service.hpp"
#include "api/cimi/session_collection.hpp"
#include "api/cimi/user_collection.hpp"
#include "api/http/form.hpp"
#include "tests/fuzz/promise.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api;
using nlohmann::json;

namespace {

constexpr std::size_t most_requests = 8;
constexpr std::array known_statuses = {200, 201, 202, 204, 302, 400, 401, 403,
                                       404, 405, 406, 409, 412, 413, 415, 429};

struct Installation {
  tests::TemporaryDirectory folder;
  std::unique_ptr<store::Store> store =
      store::open_sqlite_store((folder.path() / "jobs.db").string());
  access::Authentication authentication{*store, "key", access::AuthnHeader::Trusted,
                                        std::chrono::hours(1)};
  access::PasswordHasher hasher;
  access::LoginLimits limits;
  const cimi::GenericTypes types;
  cimi::Service service{authentication, options()};

  Installation() {
    cimi::Logins logins(*store, hasher, limits, [](cimi::LoginOutcome) {});
    service.offer(std::make_unique<cimi::JobCollection>(*store, [] {}, types));
    service.offer(
        std::make_unique<cimi::SessionCollection>(*store, authentication, std::move(logins)));
    service.offer(std::make_unique<cimi::UserCollection>(*store, authentication, hasher));
    service.offer(std::make_unique<cimi::GroupCollection>(*store, authentication));
    service.offer(
        std::make_unique<cimi::CredentialCollection>(*store, authentication, hasher, limits));
  }

  static cimi::ServiceOptions options() {
    cimi::ServiceOptions options;
    options.body_limit = 64 * 1024;
    options.since = "2024-01-01T00:00:00.000Z";
    return options;
  }

  // Each input begins with the same jobs: what it finds can be found again.
  void reset() {
    for (const char* collection :
         {"job", "session", "user", "user-identifier", "group", "credential"}) {
      store::SearchRequest all;
      all.collection = collection;
      all.visibility.everything = true;
      all.limit = 0;
      const bool any = tests::awaited(store->search(all)).count > 0;
      if (any) tests::awaited(store->remove_matching(std::move(all)));
    }
    std::vector<store::Change> changes;
    for (const char* name : {"1", "2"}) {
      const std::string id = std::string("job/") + name;
      const auto who = access::make_identity("user/jane", {}, {}, {});
      store::Decision put;
      put.kind = store::Decision::Kind::Put;
      put.document = cimi::new_job({{"action", "start"}, {"target-resource", {{"href", "x/1"}}}},
                                   id, who, cimi::wall_now());
      changes.push_back({id, [put](const store::StoredDocument*) { return put; }});
    }
    tests::awaited(store->change(std::move(changes)));
  }
};

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return line;
}

http::Request read_request(std::string_view text) {
  http::Request request;
  const auto first = take_line(text);
  const auto blank = first.find(' ');
  request.method = std::string(first.substr(0, blank));
  if (blank != std::string_view::npos) request.target = std::string(first.substr(blank + 1));
  while (!text.empty()) {
    const auto line = take_line(text);
    if (line.empty()) break;
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    request.headers.emplace_back(std::move(name), std::string(line.substr(colon + 2)));
  }
  request.body = std::string(text);
  request.peer = "127.0.0.1";
  return request;
}

void check(const http::Response& response, const std::string& about) {
  fuzz::must_hold(std::find(known_statuses.begin(), known_statuses.end(), response.status) !=
                      known_statuses.end(),
                  "a status is a known one: " + std::to_string(response.status),
                  about + "\n" + response.body);
  fuzz::must_hold(http::is_utf8(response.body), "a body is UTF-8", about);
  if (!response.body.empty() && response.content_type == "application/json") {
    fuzz::must_hold(json::accept(response.body), "a JSON body is JSON", about);
  }
  for (const auto& [name, value] : response.headers) {
    fuzz::must_hold(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
                    "a header is one line", about);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Installation installation;
  installation.reset();
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (std::size_t count = 0; count < most_requests && !rest.empty(); ++count) {
    const auto end = rest.find("\n%%\n");
    const std::string one(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 4);
    auto request = read_request(one);
    try {
      check(tests::awaited(installation.service.answer(std::move(request))), one);
    } catch (const std::exception& failure) {
      fuzz::broken("a request is answered", one + "\n" + failure.what());
    }
  }
  return 0;
}
