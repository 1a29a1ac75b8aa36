// Client side of the resource API (spec section 3), whatever HTTP library is behind it.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/cimi/event_stream.hpp"
#include "common/cimi/search.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::cimi {

enum class ReplyKind {
  Ok,
  NotFound,            // the resource does not exist
  Conflict,            // refused in its present state (a final job, a duplicate)
  PreconditionFailed,  // somebody changed it since the ETag was read
  Refused,             // not allowed, or the login is not accepted (also after logging in anew)
  Invalid,             // the server does not accept what was sent; repeating is useless
  Unavailable,  // the server answered that it cannot now (5xx, 429), or not in its protocol: repeat
                // later
  Unreachable,  // no answer: a write may or may not have been applied
};

struct Reply {
  ReplyKind kind = ReplyKind::Unreachable;
  int status = 0;           // HTTP status, 0 without an answer; for messages only
  nlohmann::json document;  // body of the answer; null when there was none, or it was not wanted
  std::string text;         // the body of an Ok reply that `document` was made of, as it came
  std::string etag;         // as sent by the server, quotes included; "" when it sent none
  std::string location;     // id of what was created
  // For people: what was asked and what went wrong; of an Ok reply the server's own message.
  std::string message;

  bool ok() const { return kind == ReplyKind::Ok; }
};

// Who a request is made as, instead of the client's own login: the value of the nuvla-authn-info
// header.
using AuthnInfo = std::string;

struct Request {
  std::string method;  // GET, PUT, POST, DELETE, PATCH
  std::string path;    // below /api/: "job/1234", "job?filter=…"
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<AuthnInfo> as;
  // False: of an Ok answer it only counts that there is one. It must look like a whole object of
  // JSON, and nothing is made of it, neither `document` nor `message`.
  bool wants_document = true;
  // Covers everything, a new login included. Default: the client's.
  std::optional<runtime::TimePoint> deadline;
};

// Either a stream, or the reply that there is none: NotFound or Invalid from servers without
// events, Unavailable when there are too many streams. An Ok reply without a stream: nothing more
// will happen to that resource after the event the client knows, or the answer is no stream.
struct OpenedEvents {
  std::unique_ptr<EventStream> stream;
  Reply reply;
};

struct EditOptions {
  std::string if_match;  // an ETag: refused with PreconditionFailed when it is not current
  std::vector<std::string> remove;  // attributes deleted before the merge ("select")
  bool wants_document = true;       // see Request
  std::optional<runtime::TimePoint> deadline = std::nullopt;  // as Request::deadline
};

// Lives on the loop. Any number of requests may be outstanding. No function throws for what the
// network or the server does: it is in the reply. What was not sent is sent again; also what was,
// but for POST, when a kept connection ends without an answer. A GET without an answer is repeated.
class Client {
 public:
  virtual ~Client() = default;

  virtual awaitable<Reply> request(Request request) = 0;

  // `path`: "job/1234/events", "events?filter=…". `last_event_id`: the id of the last event that
  // was seen before the connection was lost, or "". By itself: there are no events.
  virtual awaitable<OpenedEvents> open_events(std::string path, std::string last_event_id);

  // Logs in now if a login was asked for; the reply of the login, Ok when none is needed. Later
  // requests log in by themselves, and anew when a session ran out.
  virtual awaitable<Reply> log_in();

  // The comfort below is made of request().
  awaitable<Reply> get(std::string id);
  // document: the add response; location: the new id.
  awaitable<Reply> add(std::string collection, nlohmann::json document);
  // document: the whole new resource.
  awaitable<Reply> edit(std::string id, nlohmann::json changes);
  // No default argument: g++ 12 frees an aggregate temporary of a co_await statement twice.
  awaitable<Reply> edit(std::string id, nlohmann::json changes, EditOptions options);
  awaitable<Reply> remove(std::string id);
  // document: {count, resources: […], …}.
  awaitable<Reply> search(std::string collection, Search search);
  awaitable<Reply> operation(std::string id, std::string operation, nlohmann::json body = nullptr);
  awaitable<Reply> bulk_delete(std::string collection, std::string filter);
};

struct ClientOptions {
  std::string url = "https://nuvla.io";  // scheme://host[:port], without /api
  bool insecure = false;                 // no TLS verification
  // Several may be set: authn_header counts before cookies, those before the API key, that before
  // the user. None: anonymous.
  std::string user;
  std::string password;
  std::string api_key;
  std::string api_secret;
  AuthnInfo authn_header;
  std::string cookies_base64;                // JOB_COOKIES: LWP cookie file, spec 5.1
  std::chrono::milliseconds timeout{30000};  // of one request in all
};

// Throws Failure naming the option that is bad by itself or does not go with the others.
void check(const ClientOptions& options);

// Validates `options` (throws Failure naming the bad one), connects to nothing. The client must be
// destroyed before the loop; requests outstanding then end with Unreachable.
std::unique_ptr<Client> make_http_client(asio::io_context& loop, ClientOptions options);

// client.log_in(): so that a program can refuse to start with wrong credentials.
awaitable<Reply> log_in(Client& client);

}  // namespace jobengine::cimi
