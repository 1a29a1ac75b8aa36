#include "common/cimi/http_connections.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <cerrno>
#include <list>
#include <optional>
#include <set>

#include "common/cimi/request_turns.hpp"
#include "common/runtime/event.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::cimi {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Plain = beast::tcp_stream;
using Tls = beast::ssl_stream<Plain>;
using RawRequest = http::request<http::string_body>;
using runtime::TimePoint;

constexpr const char* no_answer_in_time = "no answer in time";
constexpr const char* client_closed = "the client was closed";
constexpr std::uint32_t largest_header = 64 * 1024;
// So much is read at once: the answers of most requests, header and all, in one call.
constexpr std::size_t usual_answer = 8UL * 1024;
// Servers close connections that were idle for longer, which is not always noticed in time.
constexpr auto longest_idle = std::chrono::seconds(30);
// What must not be sent twice goes where no server is about to close.
constexpr auto longest_idle_for_post = std::chrono::seconds(1);

struct Address {
  bool tls = false;
  std::string host;  // without brackets
  std::string port;
  std::string authority;  // "host:port" as it was written
};

Address parse(const std::string& base) {
  Address address;
  const auto scheme_end = base.find("://");
  address.tls = base.starts_with("https:");
  address.authority = base.substr(scheme_end + 3);
  std::string_view rest = address.authority;
  address.port = address.tls ? "443" : "80";
  const auto colon = rest.rfind(':');
  if (colon != rest.npos && rest.find(']', colon) == rest.npos) {
    address.port = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
  }
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  address.host = rest;
  return address;
}

HttpOutcome without_answer(Exchange exchange, std::string failure) {
  HttpOutcome outcome;
  outcome.exchange = exchange;
  outcome.failure = std::move(failure);
  return outcome;
}

// Of a step that failed.
HttpOutcome failed(Exchange exchange, const std::string& step, const error_code& error) {
  if (error == beast::error::timeout) return without_answer(Exchange::TooLate, no_answer_in_time);
  if (error == http::error::body_limit) {
    return without_answer(exchange, "the answer is larger than 64 MB");
  }
  return without_answer(exchange, step + ": " + error.message());
}

struct Connection {
  Connection(asio::io_context& loop, asio::ssl::context* tls_context) {
    if (tls_context != nullptr) {
      tls.emplace(loop, *tls_context);
    } else {
      plain.emplace(loop);
    }
    read_ahead.reserve(usual_answer);
  }
  Plain& lowest() { return tls ? tls->next_layer() : *plain; }
  void close() { lowest().close(); }

  std::optional<Plain> plain;
  std::optional<Tls> tls;
  beast::flat_buffer read_ahead;
  TimePoint idle_since;
};

// What a connection that was closed by the server, or is about to be, looks like: there is
// something to be read, be it the end. A TLS server's goodbye is data, too.
bool is_stale(Connection& connection) {
  char byte = 0;
  const int handle = connection.lowest().socket().native_handle();
  const auto count = ::recv(handle, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

// Of a lookup, which goes on when nobody waits for it any more.
struct Lookup {
  explicit Lookup(asio::io_context& loop) : resolver(loop) {}
  tcp::resolver resolver;
  std::vector<tcp::endpoint> found;
  error_code error;
  runtime::Event done;
};

RawRequest raw_request(HttpMessage message, const std::string& authority) {
  RawRequest request;
  constexpr unsigned http_1_1 = 11;
  request.version(http_1_1);
  request.method_string(message.method);
  request.target(message.target);
  request.set(http::field::host, authority);
  request.set(http::field::user_agent, "job-engine");
  for (const auto& [name, value] : message.headers) request.insert(name, value);
  if (!message.body.empty()) request.set(http::field::content_type, message.content_type);
  request.body() = std::move(message.body);
  request.prepare_payload();
  return request;
}

using RawResponse = http::response<http::string_body>;

HttpOutcome answered(RawResponse response) {
  HttpOutcome outcome;
  outcome.exchange = Exchange::Answered;
  outcome.answer.status = static_cast<int>(response.result_int());
  outcome.answer.etag = std::string(response[http::field::etag]);
  outcome.answer.location = std::string(response[http::field::location]);
  const auto cookies = response.equal_range(http::field::set_cookie);
  for (auto cookie = cookies.first; cookie != cookies.second; ++cookie) {
    std::string& all = outcome.answer.set_cookie;
    if (!all.empty()) all += ", ";
    all += std::string(cookie->value());
  }
  outcome.answer.body = std::move(response.body());
  return outcome;
}

// What became of a request on a connection, besides its outcome.
struct Conversation {
  HttpOutcome outcome;
  bool unheard = false;   // it ended without a byte of an answer
  bool reusable = false;  // the connection is as good as before
};

template <class Stream>
awaitable<Conversation> converse(Stream& stream, Connection& connection, const RawRequest& request,
                                 TimePoint deadline) {
  Conversation result;
  error_code error;
  connection.lowest().expires_at(deadline);
  co_await http::async_write(stream, request, asio::redirect_error(use_awaitable, error));
  if (error) {
    result.unheard = true;
    result.outcome = failed(Exchange::NotSent, "Failed to write request", error);
    co_return result;
  }
  std::optional<http::response_parser<http::string_body>> parser;
  do {
    parser.emplace();
    parser->body_limit(largest_answer);
    parser->header_limit(largest_header);
    if (request.method() == http::verb::head) parser->skip(true);
    co_await http::async_read(stream, connection.read_ahead, *parser,
                              asio::redirect_error(use_awaitable, error));
    if (error) {
      result.unheard = !parser->got_some() && connection.read_ahead.size() == 0;
      result.outcome = failed(Exchange::Unknown, "Failed to read the answer", error);
      co_return result;
    }
    // Of an informational answer the final one follows.
  } while (http::to_status_class(parser->get().result()) == http::status_class::informational);
  connection.lowest().expires_never();
  result.reusable = parser->get().keep_alive() && connection.read_ahead.size() == 0;
  result.outcome = answered(parser->release());
  co_return result;
}

}  // namespace

struct HttpConnections::State {
  State(asio::io_context& event_loop, const std::string& base, bool verify_tls)
      : loop(event_loop), address(parse(base)), verify(verify_tls) {
    if (!address.tls) return;
    tls.emplace(asio::ssl::context::tls_client);
    tls->set_default_verify_paths();
    tls->set_verify_mode(verify ? asio::ssl::verify_peer : asio::ssl::verify_none);
  }

  void close() {
    closed.raise();
    edits.close();
    others.close();
    idle.clear();
    if (lookup) lookup->resolver.cancel();
    for (Connection* connection : active) connection->close();
  }

  // Null: there is none. The one used last is the one most certainly alive.
  std::unique_ptr<Connection> take_idle(bool for_post) {
    const auto limit = for_post ? longest_idle_for_post : longest_idle;
    while (!idle.empty()) {
      if (runtime::Clock::now() - idle.back()->idle_since > limit) {
        if (!for_post) idle.clear();
        return nullptr;
      }
      std::unique_ptr<Connection> connection = std::move(idle.back());
      idle.pop_back();
      if (!is_stale(*connection)) return connection;
    }
    return nullptr;
  }
  void keep(std::unique_ptr<Connection> connection) {
    if (closed.raised()) return;
    constexpr std::size_t most_kept = 64UL * 1024;
    if (connection->read_ahead.capacity() > most_kept) {
      connection->read_ahead.shrink_to_fit();
      connection->read_ahead.reserve(usual_answer);
    }
    connection->idle_since = runtime::Clock::now();
    idle.push_back(std::move(connection));
  }

  asio::io_context& loop;
  Address address;
  bool verify;
  std::optional<asio::ssl::context> tls;
  RequestTurns edits{most_requests_of_a_lane};
  RequestTurns others{most_requests_of_a_lane};
  std::list<std::unique_ptr<Connection>> idle;
  std::set<Connection*> active;
  // The last one: one at a time, since the loop has one thread for all lookups, ZooKeeper's too.
  std::shared_ptr<Lookup> lookup;
  runtime::Event closed;
};

namespace {

// Lets the client's end reach a connection at work.
template <class Connections>
class Active {
 public:
  Active(Connections& connections, Connection& connection)
      : connections_(connections), connection_(&connection) {
    connections_.insert(connection_);
  }
  ~Active() { connections_.erase(connection_); }
  Active(const Active&) = delete;
  Active& operator=(const Active&) = delete;

 private:
  Connections& connections_;
  Connection* connection_;
};

std::shared_ptr<Lookup> start_lookup(asio::io_context& loop, const Address& address) {
  auto lookup = std::make_shared<Lookup>(loop);
  error_code not_numeric;
  const auto numeric = asio::ip::make_address(address.host, not_numeric);
  if (!not_numeric) {
    lookup->found.emplace_back(numeric, static_cast<std::uint16_t>(std::stoi(address.port)));
    lookup->done.raise();
    return lookup;
  }
  lookup->resolver.async_resolve(address.host, address.port,
                                 [lookup](const error_code& error, const auto& found) {
                                   lookup->error = error;
                                   for (const auto& entry : found) {
                                     lookup->found.push_back(entry.endpoint());
                                   }
                                   lookup->done.raise();
                                 });
  return lookup;
}

// One address after the other, each with its share of the time that is left.
awaitable<error_code> connect(Plain& stream, const std::vector<tcp::endpoint>& addresses,
                              TimePoint deadline) {
  error_code error = asio::error::host_not_found;
  std::size_t left = addresses.size();
  for (const tcp::endpoint& address : addresses) {
    const auto now = runtime::Clock::now();
    if (now >= deadline) {
      error = beast::error::timeout;
      break;
    }
    const TimePoint share = now + (deadline - now) / static_cast<int>(left--);
    // A socket that was refused is bound to its family, and its next connect() is ECONNABORTED.
    error_code not_open;
    stream.socket().close(not_open);
    stream.expires_at(share);
    co_await stream.async_connect(address, asio::redirect_error(use_awaitable, error));
    if (!error) {
      error_code ignored;
      stream.socket().set_option(tcp::no_delay(true), ignored);
      break;
    }
  }
  co_return error;
}

awaitable<error_code> shake_hands(Tls& stream, const Address& address, bool verify,
                                  TimePoint deadline) {
  error_code error;
  if (verify) stream.set_verify_callback(asio::ssl::host_name_verification(address.host));
  error_code not_numeric;
  asio::ip::make_address(address.host, not_numeric);
  if (not_numeric) SSL_set_tlsext_host_name(stream.native_handle(), address.host.c_str());
  stream.next_layer().expires_at(deadline);
  co_await stream.async_handshake(asio::ssl::stream_base::client,
                                  asio::redirect_error(use_awaitable, error));
  co_return error;
}

// A new connection in `made`, or an outcome that says why there is none.
template <class State>
awaitable<HttpOutcome> open_connection(std::shared_ptr<State> state,
                                       std::unique_ptr<Connection>& made, TimePoint deadline) {
  if (!state->lookup || state->lookup->done.raised()) {
    state->lookup = start_lookup(state->loop, state->address);
  }
  const std::shared_ptr<Lookup> lookup = state->lookup;
  const bool in_time = co_await runtime::Event::wait_either(lookup->done, state->closed, deadline);
  if (state->closed.raised()) co_return without_answer(Exchange::TooLate, client_closed);
  if (!in_time) co_return without_answer(Exchange::TooLate, no_answer_in_time);
  if (lookup->error) {
    co_return failed(Exchange::NotSent, "Failed to resolve " + state->address.host, lookup->error);
  }
  auto connection = std::make_unique<Connection>(state->loop, state->tls ? &*state->tls : nullptr);
  const Active active(state->active, *connection);
  error_code error = co_await connect(connection->lowest(), lookup->found, deadline);
  if (error) {
    co_return failed(Exchange::NotSent, "Failed to connect to " + state->address.authority, error);
  }
  if (connection->tls) {
    error = co_await shake_hands(*connection->tls, state->address, state->verify, deadline);
    if (error) {
      HttpOutcome refused = failed(Exchange::NotSent, "Error in SSL handshake", error);
      if (refused.exchange == Exchange::NotSent) {
        refused.failure +=
            " (that port speaks no HTTPS, or its certificate is not trusted or not for this name: "
            "SSL_CERT_FILE, api-insecure)";
      }
      co_return refused;
    }
  }
  made = std::move(connection);
  co_return HttpOutcome();
}

template <class State>
awaitable<HttpOutcome> exchange(std::shared_ptr<State> state, HttpMessage message,
                                TimePoint deadline) {
  const bool is_post = message.method == "POST";
  const bool is_edit = message.method == "PUT" && message.content_type == "application/json";
  RequestTurns::Turn turn(is_edit ? state->edits : state->others);
  const bool in_turn = co_await turn.await(deadline);
  if (state->closed.raised()) co_return without_answer(Exchange::TooLate, client_closed);
  if (!in_turn) co_return without_answer(Exchange::TooLate, no_answer_in_time);
  const RawRequest request = raw_request(std::move(message), state->address.authority);
  bool again = false;
  for (;;) {
    std::unique_ptr<Connection> connection;
    if (!again) connection = state->take_idle(is_post);
    const bool used_before = connection != nullptr;
    if (!connection) {
      HttpOutcome none = co_await open_connection(state, connection, deadline);
      if (state->closed.raised()) co_return without_answer(Exchange::TooLate, client_closed);
      if (!connection) co_return none;
    }
    const Active active(state->active, *connection);
    Conversation end;
    if (connection->tls) {
      end = co_await converse(*connection->tls, *connection, request, deadline);
    } else {
      end = co_await converse(*connection->plain, *connection, request, deadline);
    }
    if (state->closed.raised()) co_return without_answer(Exchange::TooLate, client_closed);
    const bool may_repeat = !is_post || end.outcome.exchange == Exchange::NotSent;
    const bool was_stale =
        used_before && end.unheard && end.outcome.exchange != Exchange::TooLate && may_repeat;
    if (was_stale) {
      again = true;
      continue;
    }
    if (end.reusable) state->keep(std::move(connection));
    co_return std::move(end.outcome);
  }
}

}  // namespace

HttpConnections::HttpConnections(asio::io_context& loop, const std::string& base, bool verify_tls)
    : state_(std::make_shared<State>(loop, base, verify_tls)) {}

HttpConnections::~HttpConnections() {
  state_->close();
}

awaitable<HttpOutcome> HttpConnections::send(HttpMessage message, TimePoint deadline) {
  return exchange(state_, std::move(message), deadline);
}

}  // namespace jobengine::cimi
