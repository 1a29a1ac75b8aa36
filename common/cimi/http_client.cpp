// cpprest defines a macro U otherwise, which breaks Boost's headers.
#define _TURN_OFF_PLATFORM_STRING
#include "common/cimi/http_client.hpp"

#include <cpprest/http_client.h>

#include <map>
#include <mutex>
#include <tuple>

#include "common/cimi/http_connections.hpp"
#include "common/cimi/http_threads.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::cimi {

namespace {

namespace web_http = web::http;
using web_http::client::http_client;
using web_http::client::http_client_config;

// The library's error codes do not tell; its texts do.
Exchange classify(std::string_view failure) {
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

web_http::http_request plain_request(HttpMessage message) {
  web_http::http_request request(message.method);
  request.set_request_uri(message.target);
  for (auto& [name, value] : message.headers) request.headers().add(name, value);
  if (!message.body.empty()) request.set_body(std::move(message.body), message.content_type);
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

}  // namespace

struct HttpClient::State {
  State(asio::io_context& loop, std::string address, bool verify)
      : inbox(std::make_shared<Inbox>(loop)),
        base(std::move(address)),
        verify_tls(verify),
        connections(loop, base, verify) {}

  std::shared_ptr<Inbox> inbox;
  std::string base;
  bool verify_tls;
  HttpConnections connections;
};

HttpClient::HttpClient(asio::io_context& loop, const std::string& base, bool verify_tls)
    : state_(std::make_shared<State>(loop, base, verify_tls)) {}

HttpClient::~HttpClient() {
  state_->inbox->close();
}

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
  // The library's threads are for those who need them.
  start_http_threads();
  http_client_config config;
  // The library's limit is one of each step and no total; the deadline of each request is ours.
  config.set_timeout(std::chrono::hours(1));
  config.set_max_redirects(0);
  config.set_validate_certificates(state_->verify_tls);
  auto source =
      std::make_shared<HttpBody::Source>(state_->inbox, http_client(state_->base, config));
  return open_body(std::move(source), std::move(message), std::move(content_type), deadline);
}

awaitable<HttpOutcome> HttpClient::send(HttpMessage message, runtime::TimePoint deadline) {
  return state_->connections.send(std::move(message), deadline);
}

}  // namespace jobengine::cimi
