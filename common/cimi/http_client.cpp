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

web_http::http_request library_request(HttpMessage message) {
  web_http::http_request request(message.method);
  request.set_request_uri(message.target);
  for (auto& [name, value] : message.headers) request.headers().add(name, value);
  if (!message.body.empty()) request.set_body(std::move(message.body), message.content_type);
  request.set_progress_handler(
      [](web_http::message_direction::direction direction, utility::size64_t bytes) {
        if (direction == web_http::message_direction::download && bytes > largest_answer) {
          throw std::runtime_error("the answer is larger than 64 MB");
        }
      });
  return request;
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
        // Nothing may leave this continuation: an unobserved exception ends the process.
        HttpOutcome outcome;
        try {
          outcome = done.get();
        } catch (const std::exception& failure) {
          outcome = failed(failure.what());
        } catch (...) {
          outcome = failed("unknown failure");
        }
        inbox->hand_in(id, std::move(outcome));
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

awaitable<HttpOutcome> HttpClient::send(HttpMessage message, runtime::TimePoint deadline) {
  http_client client = state_->client_for(message.method);
  return exchange(state_->inbox, client, std::move(message), deadline);
}

}  // namespace jobengine::cimi
