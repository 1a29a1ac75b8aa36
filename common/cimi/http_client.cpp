// cpprest defines a macro U otherwise, which breaks Boost's headers.
#define _TURN_OFF_PLATFORM_STRING
#include "common/cimi/http_client.hpp"

#include <cpprest/http_client.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cerrno>
#include <map>
#include <mutex>
#include <tuple>

#include "common/cimi/http_threads.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::cimi {

namespace {

namespace web_http = web::http;
using web_http::client::http_client;
using web_http::client::http_client_config;

constexpr std::size_t largest_answer = 64UL * 1024 * 1024;
constexpr const char* stale_connection = "the server had closed the connection";

// Throws when a pooled connection was closed by the server: before a byte is sent, so that any
// request can be repeated. The library itself notices only after writing, and then fails every
// request with a body.
template <class Socket>
void refuse_stale(Socket& socket) {
  if (!socket.is_open()) return;
  char byte = 0;
  const auto count = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  // Nothing to read is what an idle connection looks like. A TLS server's goodbye is data, too.
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOTCONN)) return;
  throw std::runtime_error(stale_connection);
}

void refuse_stale_handle(void* handle, bool tls) {
  if (handle == nullptr) return;
  using Tcp = boost::asio::ip::tcp::socket;
  if (tls) {
    refuse_stale(static_cast<boost::asio::ssl::stream<Tcp&>*>(handle)->lowest_layer());
  } else {
    refuse_stale(*static_cast<Tcp*>(handle));
  }
}

// The library's error codes do not tell; its texts do.
Exchange classify(std::string_view failure) {
  if (failure == stale_connection) return Exchange::StaleConnection;
  for (std::string_view start :
       {"Error resolving address", "Failed to resolve", "Failed to connect",
        "Error in SSL handshake", "Failed to write request headers",
        "Failed to write request body"}) {
    if (failure.starts_with(start)) return Exchange::NotSent;
  }
  return Exchange::Unknown;
}

HttpOutcome failed(const std::string& what) {
  HttpOutcome outcome;
  outcome.exchange = classify(what);
  outcome.failure = what;
  // The library keeps the reason to itself.
  if (what.starts_with("Error in SSL handshake")) {
    outcome.failure +=
        " (that port speaks no HTTPS, or its certificate is not trusted or not for this name: "
        "SSL_CERT_FILE, api-insecure)";
  }
  return outcome;
}

std::string header(const web_http::http_response& response, const std::string& name) {
  const auto found = response.headers().find(name);
  return found == response.headers().end() ? std::string() : found->second;
}

HttpOutcome answered(const web_http::http_response& response,
                     const std::vector<unsigned char>& body) {
  HttpOutcome outcome;
  outcome.exchange = Exchange::Answered;
  outcome.answer.status = response.status_code();
  outcome.answer.body.assign(body.begin(), body.end());
  outcome.answer.etag = header(response, "ETag");
  outcome.answer.location = header(response, "Location");
  outcome.answer.set_cookie = header(response, "Set-Cookie");
  return outcome;
}

// A request that waits on the loop for its outcome. Loop only.
struct Waiting {
  runtime::Event ended;
  HttpOutcome outcome;
};

// Where the library's threads hand in outcomes. Outlives client and loop as long as they hold it.
class Inbox : public std::enable_shared_from_this<Inbox> {
 public:
  explicit Inbox(asio::io_context& loop) : loop_(&loop) {}

  std::pair<std::uint64_t, std::shared_ptr<Waiting>> open() {
    auto waiting = std::make_shared<Waiting>();
    waiting->outcome.exchange = Exchange::TooLate;
    waiting->outcome.failure = "the client was closed";
    if (closed_) {
      waiting->ended.raise();
    } else {
      waiting_[++last_id_] = waiting;
    }
    return {last_id_, waiting};
  }
  void forget(std::uint64_t id) { waiting_.erase(id); }

  // [any thread]
  void hand_in(std::uint64_t id, HttpOutcome outcome) {
    const std::lock_guard guard(mutex_);
    if (loop_ == nullptr) return;
    asio::post(*loop_, [self = shared_from_this(), id, outcome = std::move(outcome)]() mutable {
      self->deliver(id, std::move(outcome));
    });
  }

  void close() {
    {
      const std::lock_guard guard(mutex_);
      loop_ = nullptr;
    }
    closed_ = true;
    for (const auto& [id, waiting] : std::exchange(waiting_, {})) waiting->ended.raise();
  }

 private:
  void deliver(std::uint64_t id, HttpOutcome outcome) {
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return;
    found->second->outcome = std::move(outcome);
    found->second->ended.raise();
  }

  // Guards loop_: no post may meet a loop that is gone.
  std::mutex mutex_;
  asio::io_context* loop_;
  // Loop only.
  bool closed_ = false;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Waiting>> waiting_;
};

// Gives the place in the inbox back, also when the coroutine ends with its loop; what is then still
// under way is cut off.
class Outstanding {
 public:
  Outstanding(std::shared_ptr<Inbox> inbox, std::uint64_t id) : inbox_(std::move(inbox)), id_(id) {}
  Outstanding(const Outstanding&) = delete;
  Outstanding& operator=(const Outstanding&) = delete;
  ~Outstanding() {
    inbox_->forget(id_);
    if (!ended_) cancel_.cancel();
  }
  pplx::cancellation_token token() const { return cancel_.get_token(); }
  void ended() { ended_ = true; }

 private:
  std::shared_ptr<Inbox> inbox_;
  std::uint64_t id_;
  pplx::cancellation_token_source cancel_;
  bool ended_ = false;
};

web_http::http_request plain_request(HttpMessage message) {
  web_http::http_request request(message.method);
  request.set_request_uri(message.target);
  for (auto& [name, value] : message.headers) request.headers().add(name, value);
  if (!message.body.empty()) request.set_body(std::move(message.body), message.content_type);
  return request;
}

web_http::http_request library_request(HttpMessage message) {
  auto request = plain_request(std::move(message));
  request.set_progress_handler(
      [](web_http::message_direction::direction direction, utility::size64_t bytes) {
        if (direction == web_http::message_direction::download && bytes > largest_answer) {
          throw std::runtime_error("the answer is larger than 64 MB");
        }
      });
  return request;
}

// Nothing may leave a last continuation: an unobserved exception ends the process.
HttpOutcome outcome_of(const pplx::task<HttpOutcome>& done) {
  try {
    return done.get();
  } catch (const std::exception& failure) {
    return failed(failure.what());
  } catch (...) {
    return failed("unknown failure");
  }
}

// Runs on the library's threads from here on. The client is kept by its own requests.
void start(http_client client, const web_http::http_request& request,
           const pplx::cancellation_token& token, std::shared_ptr<Inbox> inbox, std::uint64_t id) {
  client.request(request, token)
      .then([](web_http::http_response response) {
        return response.extract_vector().then([response](const std::vector<unsigned char>& body) {
          return answered(response, body);
        });
      })
      .then([inbox = std::move(inbox), id, client](const pplx::task<HttpOutcome>& done) {
        inbox->hand_in(id, outcome_of(done));
      });
}

}  // namespace

struct HttpClient::State {
  State(asio::io_context& loop, std::string address, http_client_config settings)
      : inbox(std::make_shared<Inbox>(loop)),
        base(std::move(address)),
        config(std::move(settings)),
        pooled(base, config) {}

  std::shared_ptr<Inbox> inbox;
  std::string base;
  http_client_config config;
  http_client pooled;  // keeps its connections

  // When a reused connection ends without an answer, the library sends the request again by
  // itself. A POST must not run twice, so it gets a connection of its own.
  http_client client_for(const std::string& method) const {
    return method == "POST" ? http_client(base, config) : pooled;
  }
};

HttpClient::HttpClient(asio::io_context& loop, const std::string& base, bool verify_tls) {
  start_http_threads();
  http_client_config config;
  // The library's limit is one of each step and no total; the deadline of each request is ours.
  config.set_timeout(std::chrono::hours(1));
  config.set_max_redirects(0);
  config.set_validate_certificates(verify_tls);
  const bool tls = base.starts_with("https:");
  config.set_nativehandle_options(
      [tls](web_http::client::native_handle handle) { refuse_stale_handle(handle, tls); });
  state_ = std::make_shared<State>(loop, base, std::move(config));
}

HttpClient::~HttpClient() {
  state_->inbox->close();
}

namespace {

awaitable<HttpOutcome> exchange(std::shared_ptr<Inbox> inbox, http_client client,
                                HttpMessage message, runtime::TimePoint deadline) {
  auto [id, waiting] = inbox->open();
  Outstanding outstanding(inbox, id);
  if (!waiting->ended.raised()) {
    try {
      start(client, library_request(std::move(message)), outstanding.token(), inbox, id);
    } catch (const std::exception& failure) {
      outstanding.ended();
      waiting->outcome = failed(std::string("cannot be sent: ") + failure.what());
      co_return waiting->outcome;
    }
  }
  const bool in_time = co_await waiting->ended.wait_until(deadline);
  HttpOutcome outcome = waiting->outcome;
  if (in_time) {
    if (outcome.exchange != Exchange::TooLate) outstanding.ended();
  } else {
    outcome.failure = "no answer in time";
  }
  co_return outcome;
}

}  // namespace

// An answer that is read piece by piece. `response` is set on the library's thread, before the
// outcome is handed in, and used on the loop afterwards.
struct HttpBody::Source {
  Source(std::shared_ptr<Inbox> box, const http_client& used)
      : inbox(std::move(box)), client(used) {}
  const std::shared_ptr<Inbox> inbox;
  http_client client;
  pplx::cancellation_token_source cancel;
  web_http::http_response response;
  bool streamed = false;
  // The read under way; loop only.
  std::uint64_t id = 0;
  std::shared_ptr<Waiting> waiting;
};

namespace {

using Buffer = Concurrency::streams::streambuf<std::uint8_t>;

// The first byte is waited for; what has come with it is taken along.
pplx::task<HttpOutcome> rest_of_piece(Buffer buffer, Buffer::int_type first) {
  auto outcome = std::make_shared<HttpOutcome>();
  outcome->exchange = Exchange::Answered;
  if (first == Buffer::traits::eof()) return pplx::task_from_result(*outcome);
  const auto more = static_cast<std::size_t>(buffer.in_avail());
  auto bytes = std::make_shared<std::vector<std::uint8_t>>(more + 1);
  bytes->front() = static_cast<std::uint8_t>(first);
  if (more == 0) {
    outcome->answer.body.assign(bytes->begin(), bytes->end());
    return pplx::task_from_result(*outcome);
  }
  return buffer.getn(bytes->data() + 1, more).then([bytes, outcome](std::size_t count) {
    outcome->answer.body.assign(bytes->begin(),
                                bytes->begin() + static_cast<std::ptrdiff_t>(count + 1));
    return *outcome;
  });
}

void read_piece(HttpBody::Source& source) {
  std::tie(source.id, source.waiting) = source.inbox->open();
  if (source.waiting->ended.raised()) return;
  Buffer buffer = source.response.body().streambuf();
  buffer.bumpc()
      .then([buffer](Buffer::int_type first) { return rest_of_piece(buffer, first); })
      .then([inbox = source.inbox, id = source.id](const pplx::task<HttpOutcome>& done) {
        inbox->hand_in(id, outcome_of(done));
      });
}

// The header is awaited; the body too, unless it is one to be read as it comes.
void start_streaming(const std::shared_ptr<HttpBody::Source>& source,
                     const web_http::http_request& request, const std::string& wanted,
                     std::uint64_t id) {
  source->client.request(request, source->cancel.get_token())
      .then([source, wanted](web_http::http_response response) {
        source->response = response;
        source->streamed =
            response.status_code() == 200 && header(response, "Content-Type").starts_with(wanted);
        if (source->streamed) return pplx::task_from_result(answered(response, {}));
        return response.extract_vector().then([response](const std::vector<unsigned char>& body) {
          return answered(response, body);
        });
      })
      .then([inbox = source->inbox, id](const pplx::task<HttpOutcome>& done) {
        inbox->hand_in(id, outcome_of(done));
      });
}

awaitable<HttpOpened> open_body(std::shared_ptr<HttpBody::Source> source, HttpMessage message,
                                std::string wanted, runtime::TimePoint deadline) {
  HttpOpened opened;
  opened.body = std::make_shared<HttpBody>(source);
  auto [id, waiting] = source->inbox->open();
  try {
    if (!waiting->ended.raised()) {
      start_streaming(source, plain_request(std::move(message)), wanted, id);
    }
  } catch (const std::exception& failure) {
    source->inbox->forget(id);
    waiting->outcome = failed(std::string("cannot be sent: ") + failure.what());
    waiting->ended.raise();
  }
  const bool in_time = co_await waiting->ended.wait_until(deadline);
  source->inbox->forget(id);
  opened.outcome = waiting->outcome;
  if (!in_time) opened.outcome.failure = "no answer in time";
  const bool streamed =
      in_time && opened.outcome.exchange == Exchange::Answered && source->streamed;
  if (!streamed) opened.body.reset();
  co_return opened;
}

}  // namespace

HttpBody::HttpBody(std::shared_ptr<Source> source) : source_(std::move(source)) {}

HttpBody::~HttpBody() {
  if (source_->id != 0) source_->inbox->forget(source_->id);
  source_->cancel.cancel();
}

awaitable<HttpOutcome> HttpBody::next(runtime::Event& stop, runtime::TimePoint deadline) {
  if (!source_->waiting) read_piece(*source_);
  const auto waiting = source_->waiting;
  co_await runtime::Event::wait_either(waiting->ended, stop, deadline);
  HttpOutcome outcome;
  outcome.exchange = Exchange::TooLate;
  outcome.failure = "nothing came in time";
  if (!waiting->ended.raised()) co_return outcome;
  source_->inbox->forget(source_->id);
  source_->waiting.reset();
  co_return waiting->outcome;
}

awaitable<HttpOpened> HttpClient::open(HttpMessage message, std::string content_type,
                                       runtime::TimePoint deadline) {
  auto source =
      std::make_shared<HttpBody::Source>(state_->inbox, http_client(state_->base, state_->config));
  return open_body(std::move(source), std::move(message), std::move(content_type), deadline);
}

awaitable<HttpOutcome> HttpClient::send(HttpMessage message, runtime::TimePoint deadline) {
  http_client client = state_->client_for(message.method);
  return exchange(state_->inbox, client, std::move(message), deadline);
}

}  // namespace jobengine::cimi
