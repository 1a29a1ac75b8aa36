// The client of the resource API on top of single HTTP exchanges: who it speaks as, and what is
// repeated.
#include <algorithm>
#include <charconv>
#include <deque>
#include <optional>

#include "common/cimi/client.hpp"
#include "common/cimi/cookies.hpp"
#include "common/cimi/http_client.hpp"
#include "common/cimi/reply.hpp"
#include "common/runtime/event.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::cimi {

namespace {

constexpr const char* authn_header_name = "nuvla-authn-info";

// Returns the URL without a slash at its end.
std::string checked_url(std::string url) {
  const auto refuse = [&url](const std::string& complaint) {
    throw runtime::Failure("api-url \"" + url + "\" " + complaint +
                           "; expected http://HOST[:PORT] or https://HOST[:PORT]");
  };
  while (url.ends_with('/')) url.pop_back();
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    refuse("has no scheme this client speaks");
  }
  if (rest.find_first_of("/?#") != std::string_view::npos) refuse("has a path");
  if (rest.find_first_of("@ \t\r\n\\\"") != std::string_view::npos) refuse("has no valid host");
  const auto colon = rest.rfind(':');
  const bool has_port = colon != std::string_view::npos && rest.find(']', colon) == rest.npos;
  if (has_port) {
    const std::string_view port = rest.substr(colon + 1);
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc() || end != port.data() + port.size() || number == 0) {
      refuse("has no valid port (1 to 65535)");
    }
    rest = rest.substr(0, colon);
  }
  if (rest.empty()) refuse("has no host");
  return url;
}

void check_pairs(const ClientOptions& options) {
  if (options.api_key.empty() != options.api_secret.empty()) {
    throw runtime::Failure(options.api_key.empty() ? "api-secret is given without api-key"
                                                   : "api-key is given without api-secret");
  }
  if (options.user.empty() != options.password.empty()) {
    throw runtime::Failure(options.user.empty() ? "api-pass is given without api-user"
                                                : "api-user is given without api-pass");
  }
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; });
}

// What would break out of its place in the request, or be refused by the library with an exception.
std::optional<std::string> complaint_about(const HttpMessage& message) {
  for (const auto& [name, value] : message.headers) {
    if (name.empty() || has_control_character(name) || has_control_character(value)) {
      return "the header \"" + name + "\" holds a line end or another control character";
    }
  }
  const auto plain = [](unsigned char letter) { return letter > 0x20 && letter < 0x7f; };
  if (!std::all_of(message.target.begin(), message.target.end(), plain)) {
    return "the path holds a character that must be percent-encoded";
  }
  return std::nullopt;
}

// A login under way, for everybody who needs it.
struct LoginRun {
  runtime::Event ended;
  Reply reply;
};

// Shared with the coroutines of all requests, so that the client may go first. Loop only.
struct Core {
  Core(asio::io_context& context, ClientOptions settings)
      : loop(context),
        options(std::move(settings)),
        url(checked_url(options.url)),
        http(std::in_place, context, url, !options.insecure) {
    if (!options.cookies_base64.empty()) {
      cookies = Cookies::from_lwp_base64(options.cookies_base64);
    }
  }

  asio::io_context& loop;
  ClientOptions options;
  std::string url;
  std::optional<HttpClient> http;  // empty once the client is gone
  Cookies cookies;
  unsigned session = 0;  // counts the logins that succeeded
  std::shared_ptr<LoginRun> login;

  bool logs_in() const {
    return options.authn_header.empty() && options.cookies_base64.empty() &&
           (!options.api_key.empty() || !options.user.empty());
  }
};
using CorePointer = std::shared_ptr<Core>;
// Sent again after a new login: what is in it is copied once for each time.
using RequestPointer = std::shared_ptr<const Request>;

HttpMessage message_of(const Core& core, const Request& request) {
  HttpMessage message;
  message.method = request.method;
  message.target = "/api/" + request.path;
  message.body = request.body;
  message.content_type = request.content_type;
  message.headers = request.headers;
  message.headers.emplace_back("Accept", "application/json");
  if (request.as) {
    message.headers.emplace_back(authn_header_name, *request.as);
  } else if (!core.options.authn_header.empty()) {
    message.headers.emplace_back(authn_header_name, core.options.authn_header);
  } else if (!core.cookies.empty()) {
    message.headers.emplace_back("Cookie", core.cookies.header());
  }
  return message;
}

bool may_repeat(const HttpOutcome& outcome, const std::string& method, int repeated) {
  switch (outcome.exchange) {
    case Exchange::NotSent:
      return repeated < 1;
    case Exchange::Unknown:
      return repeated < 1 && method == "GET";
    case Exchange::Answered:
    case Exchange::TooLate:
      return false;
  }
  return false;
}

// One request as it is, with the repeats that cannot do harm.
awaitable<Reply> attempt(CorePointer core, RequestPointer request, runtime::TimePoint deadline) {
  const std::string path = request->path.substr(0, request->path.find('?'));
  const std::string asked = request->method + " " + core->url + "/api/" + path;
  int repeated = 0;
  while (core->http) {
    HttpMessage message = message_of(*core, *request);
    if (const auto complaint = complaint_about(message)) co_return unsendable(asked, *complaint);
    HttpOutcome outcome = co_await core->http->send(std::move(message), deadline);
    if (outcome.exchange == Exchange::Answered) {
      const std::string& set_cookie = outcome.answer.set_cookie;
      if (!request->as && core->options.authn_header.empty() && !set_cookie.empty()) {
        core->cookies.absorb(set_cookie);
      }
      co_return reply_to(asked, std::move(outcome.answer), request->wants_document);
    }
    if (!may_repeat(outcome, request->method, repeated) || runtime::Clock::now() >= deadline) {
      co_return no_reply(asked, outcome.failure);
    }
    ++repeated;
  }
  co_return no_reply(asked, "the client was closed");
}

Request login_request(const ClientOptions& options) {
  nlohmann::json login;
  if (!options.api_key.empty()) {
    login["href"] = "session-template/api-key";
    login["key"] = options.api_key;
    login["secret"] = options.api_secret;
  } else {
    login["href"] = "session-template/password";
    login["username"] = options.user;
    login["password"] = options.password;
  }
  Request request;
  request.method = "POST";
  request.path = "session";
  const nlohmann::json body = {{"template", std::move(login)}};
  request.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return request;
}

awaitable<Reply> log_in_anew(CorePointer core) {
  core->cookies.clear();
  auto request = std::make_shared<const Request>(login_request(core->options));
  const runtime::TimePoint deadline = runtime::Clock::now() + core->options.timeout;
  Reply reply = co_await attempt(core, std::move(request), deadline);
  if (reply.ok() && core->cookies.empty()) {
    reply.kind = ReplyKind::Refused;
    reply.message = "POST " + core->url +
                    "/api/session: no session came with the answer (a second factor is not "
                    "supported)";
  }
  if (reply.ok()) ++core->session;
  co_return reply;
}

// Makes sure of a session newer than `used`. One login serves all who wait; it goes on when the one
// who started it gives up.
awaitable<Reply> newer_session(CorePointer core, unsigned used, runtime::TimePoint deadline) {
  if (core->session != used) {
    Reply there;
    there.kind = ReplyKind::Ok;
    co_return there;
  }
  if (!core->login) {
    auto run = std::make_shared<LoginRun>();
    core->login = run;
    auto finish = [core, run](std::exception_ptr failure, Reply reply) {
      if (failure) reply = no_reply("login at " + core->url, runtime::describe(failure));
      run->reply = std::move(reply);
      core->login.reset();
      run->ended.raise();
    };
    asio::co_spawn(core->loop, log_in_anew(core), std::move(finish));
  }
  const std::shared_ptr<LoginRun> run = core->login;
  const bool in_time = co_await run->ended.wait_until(deadline);
  if (!in_time) co_return no_reply("login at " + core->url, "no answer in time");
  co_return run->reply;
}

awaitable<Reply> perform(CorePointer core, RequestPointer request) {
  const runtime::TimePoint deadline =
      request->deadline.value_or(runtime::Clock::now() + core->options.timeout);
  const bool own_login = core->logs_in() && !request->as;
  if (own_login && core->session == 0) {
    Reply login = co_await newer_session(core, 0, deadline);
    if (!login.ok()) co_return login;
  }
  const unsigned used = core->session;
  Reply reply = co_await attempt(core, request, deadline);
  if (!own_login || reply.kind != ReplyKind::Refused) co_return reply;
  Reply login = co_await newer_session(core, used, deadline);
  if (!login.ok()) co_return login;
  Reply second = co_await attempt(core, std::move(request), deadline);
  co_return second;
}

awaitable<Reply> log_in_first(CorePointer core) {
  Reply reply;
  reply.kind = ReplyKind::Ok;
  if (core->logs_in() && core->session == 0) {
    const runtime::TimePoint deadline = runtime::Clock::now() + core->options.timeout;
    reply = co_await newer_session(core, 0, deadline);
  }
  co_return reply;
}

// The server breaks its silence every 15 s; a proxy may take its time.
constexpr auto longest_silence = std::chrono::seconds(60);

class HttpEventStream final : public EventStream {
 public:
  explicit HttpEventStream(std::shared_ptr<HttpBody> body) : body_(std::move(body)) {}

  awaitable<StreamStep> next(runtime::Event& stop) override {
    StreamStep step;
    while (waiting_.empty()) {
      const auto deadline = runtime::Clock::now() + longest_silence;
      const HttpOutcome piece = co_await body_->next(stop, deadline);
      if (piece.exchange != Exchange::Answered) {
        step.kind = stop.raised() ? StreamStep::Kind::Stopped : StreamStep::Kind::Broken;
        step.failure = piece.failure;
        co_return step;
      }
      if (piece.answer.body.empty()) {
        step.kind = StreamStep::Kind::Ended;
        co_return step;
      }
      for (auto& event : parser_.take(piece.answer.body)) waiting_.push_back(std::move(event));
      if (parser_.too_long()) {
        step.failure = "an event is too long";
        co_return step;
      }
    }
    step.kind = StreamStep::Kind::Event;
    step.event = std::move(waiting_.front());
    waiting_.pop_front();
    co_return step;
  }

 private:
  std::shared_ptr<HttpBody> body_;
  EventParser parser_;
  std::deque<ServerEvent> waiting_;
};

awaitable<OpenedEvents> try_open(CorePointer core, Request request, runtime::TimePoint deadline) {
  OpenedEvents opened;
  const std::string path = request.path.substr(0, request.path.find('?'));
  const std::string asked = "GET " + core->url + "/api/" + path;
  HttpMessage message = message_of(*core, request);
  for (auto& [name, value] : message.headers) {
    if (name == "Accept") value = "text/event-stream, application/json";
  }
  if (const auto complaint = complaint_about(message)) {
    opened.reply = unsendable(asked, *complaint);
    co_return opened;
  }
  if (!core->http) {
    opened.reply = no_reply(asked, "the client was closed");
    co_return opened;
  }
  std::string type = "text/event-stream";
  const HttpOpened answer =
      co_await core->http->open(std::move(message), std::move(type), deadline);
  if (answer.body) {
    opened.reply.kind = ReplyKind::Ok;
    opened.reply.status = answer.outcome.answer.status;
    opened.stream = std::make_unique<HttpEventStream>(answer.body);
  } else if (answer.outcome.exchange == Exchange::Answered) {
    opened.reply = reply_to(asked, answer.outcome.answer);
  } else {
    opened.reply = no_reply(asked, answer.outcome.failure);
  }
  co_return opened;
}

awaitable<OpenedEvents> open_events_of(CorePointer core, Request request) {
  const runtime::TimePoint deadline = runtime::Clock::now() + core->options.timeout;
  OpenedEvents opened;
  if (core->logs_in() && core->session == 0) {
    opened.reply = co_await newer_session(core, 0, deadline);
    if (!opened.reply.ok()) co_return opened;
  }
  const unsigned used = core->session;
  Request copy = request;
  opened = co_await try_open(core, std::move(copy), deadline);
  if (!core->logs_in() || opened.reply.kind != ReplyKind::Refused) co_return opened;
  opened.reply = co_await newer_session(core, used, deadline);
  if (!opened.reply.ok()) co_return opened;
  opened = co_await try_open(core, std::move(request), deadline);
  co_return opened;
}

class ApiClient : public Client {
 public:
  ApiClient(asio::io_context& loop, ClientOptions options)
      : core_(std::make_shared<Core>(loop, std::move(options))) {}
  ~ApiClient() override { core_->http.reset(); }

  awaitable<Reply> request(Request request) override {
    return perform(core_, std::make_shared<const Request>(std::move(request)));
  }
  awaitable<OpenedEvents> open_events(std::string path, std::string last_event_id) override {
    Request request;
    request.method = "GET";
    request.path = std::move(path);
    if (!last_event_id.empty()) {
      request.headers.emplace_back("Last-Event-ID", std::move(last_event_id));
    }
    return open_events_of(core_, std::move(request));
  }
  awaitable<Reply> log_in() override { return log_in_first(core_); }

 private:
  CorePointer core_;
};

}  // namespace

void check(const ClientOptions& options) {
  checked_url(options.url);
  check_pairs(options);
  if (!options.cookies_base64.empty()) Cookies::from_lwp_base64(options.cookies_base64);
}

std::unique_ptr<Client> make_http_client(asio::io_context& loop, ClientOptions options) {
  check(options);
  return std::make_unique<ApiClient>(loop, std::move(options));
}

}  // namespace jobengine::cimi
