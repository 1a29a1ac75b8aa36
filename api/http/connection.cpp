#include "api/http/connection.hpp"

#include <array>

#include "api/http/answer_stream.hpp"
#include "api/http/linger.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api::http {
namespace {

// Enough for most requests; a longer body is read in larger pieces.
constexpr std::size_t first_piece = 4 * 1024;
constexpr std::size_t later_piece = 64 * 1024;

// About a millisecond's work.
constexpr std::size_t packed_at_once = 128 * 1024;
// Kept by a lane at rest; more are at work only while long answers are packed.
constexpr std::size_t most_packers = 4;

constexpr const char* continue_answer = "HTTP/1.1 100 Continue\r\n\r\n";

Response refusing(const Refusal& refusal) {
  Response response;
  response.status = refusal.status;
  response.body = R"({"status":)" + std::to_string(refusal.status) + R"(,"message":")" +
                  refusal.message + R"("})";
  if (refusal.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

ListenerShared::ListenerShared(const ListenerOptions& wanted, Handler handle, Observer observe)
    : options(wanted),
      handler(std::move(handle)),
      observer(std::move(observe)),
      certificate(wanted.certificate_file.empty() ? nullptr
                                                  : std::make_unique<ServerCertificate>(
                                                        wanted.certificate_file, wanted.key_file)),
      budget(wanted.memory_limit) {}

Connection::Connection(std::unique_ptr<Transport> transport, std::string peer, LaneRules& rules)
    : transport_(std::move(transport)), peer_(std::move(peer)), rules_(rules) {}

Connection::~Connection() = default;

WritePace Connection::pace() const {
  return {options().write_limit, options().least_bytes_per_second};
}

std::string_view Connection::unread() const {
  return std::string_view(received_).substr(read_);
}

void Connection::forget(std::size_t count) {
  read_ += count;
  if (read_ < received_.size()) return;
  received_.clear();
  read_ = 0;
}

void Connection::sweep(runtime::TimePoint now) {
  if (transport_->overdue(now)) transport_->interrupt();
}

void Connection::drain() {
  if (is_linked()) transport_->interrupt();
  // Not only interrupted: the handshake may be about to go on.
  if (opening_) transport_->close();
  if (stream_ != nullptr) stream_->stop();
}

void Connection::cut() {
  if (stream_ != nullptr) stream_->stop();
  transport_->close();
}

awaitable<void> Connection::serve() {
  transport_->expect_in(options().request_limit);
  bool more = co_await transport_->open();
  opening_ = false;
  while (more && !rules_.draining) {
    const bool begun = co_await wait_for_request();
    if (!begun) break;
    more = co_await serve_request();
  }
  transport_->close();
}

// The first byte of the next request is there (true), or there will be none.
awaitable<bool> Connection::wait_for_request() {
  if (!unread().empty()) {
    // Who sends many requests at once does not keep others waiting.
    co_await asio::post(use_awaitable);
    co_return true;
  }
  std::string().swap(received_);  // an idle connection keeps no buffer
  rules_.idle.push_back(*this);
  transport_->expect_in(options().idle_limit);
  const bool readable = co_await transport_->readable();
  unlink();
  if (!readable) co_return false;
  const bool received = co_await receive();
  co_return received;
}

// False when the other side has ended, is gone, or is too late.
awaitable<bool> Connection::receive() {
  received_.erase(0, read_);
  read_ = 0;
  const auto kept = received_.size();
  const auto room = kept == 0 && received_.capacity() < later_piece ? first_piece : later_piece;
  received_.resize(kept + room);
  const auto count = co_await transport_->receive(received_.data() + kept, room);
  received_.resize(kept + count);
  co_return count > 0;
}

// True when the connection goes on.
awaitable<bool> Connection::serve_request() {
  transport_->expect_in(options().request_limit);
  Exchange exchange;
  Request request;
  HeldMemory held(rules_.shared.budget);
  {
    RequestReader reader({options().header_limit, options().body_limit, options().bulk_path,
                          options().bulk_body_limit});
    const bool read = co_await read_request(reader, held);
    if (!read) co_return false;
    exchange.version = reader.version();
    exchange.keep_alive = reader.keep_alive();
    request = reader.release();
  }
  transport_->expect_ever();
  exchange.head = request.method == "HEAD";
  request.peer = peer_;
  request.over_tls = transport_->is_secure();
  const bool gzip = accepts_gzip(request.header("accept-encoding").value_or(""));
  auto response = co_await handle(std::move(request));
  if (response.stream) {
    exchange.keep_alive = false;
    co_await write_stream(std::move(response), exchange);
    co_return false;
  }
  const bool worth_packing = is_worth_packing(response, options().compress_above);
  if (worth_packing) response.headers.emplace_back("Vary", "Accept-Encoding");
  const bool pack_it = worth_packing && gzip;
  const bool written = co_await write_within_budget(std::move(response), exchange, pack_it);
  co_return written&& exchange.keep_alive && !rules_.draining;
}

// True with a whole request; otherwise what had to be said has been said.
awaitable<bool> Connection::read_request(RequestReader& reader, HeldMemory& held) {
  std::size_t size = 0;
  bool more = true;
  while (more) {
    size += unread().size();
    const auto taken = reader.take(unread());
    forget(taken);
    if (reader.refusal().status != 0) {
      co_await refuse(reader.refusal());
      co_return false;
    }
    if (reader.done()) co_return true;
    size -= unread().size();
    if (!held.grow_to(size + unread().size())) {
      const Refusal crowded{503, "too many large requests at once"};
      co_await refuse(crowded);
      co_return false;
    }
    if (reader.wants_continue()) {
      more = co_await transport_->send(continue_answer, pace());
    }
    if (more) more = co_await receive();
    if (transport_->receive_overdue()) {
      const Refusal late{408, "the request took too long to arrive"};
      co_await refuse(late);
      co_return false;
    }
  }
  co_return false;
}

awaitable<Response> Connection::handle(Request request) {
  const auto begun = runtime::Clock::now();
  const std::string method = request.method;
  Response response;
  std::string trouble;
  try {
    response = co_await rules_.shared.handler(std::move(request));
  } catch (...) {
    trouble = runtime::describe(std::current_exception());
  }
  if (!trouble.empty()) {
    telemetry::error("a request failed", {{"method", method}, {"error", trouble}});
    response = refusing({500, "unexpected error occurred"});
  }
  if (rules_.shared.observer) {
    const std::chrono::duration<double> took = runtime::Clock::now() - begun;
    rules_.shared.observer(method, response.status, took.count());
  }
  co_return response;
}

// The ETag stays: it tells versions of the resource apart, not of its bytes.
awaitable<void> Connection::pack(Response& response) {
  std::unique_ptr<Packer> packer;
  if (rules_.packers.empty()) {
    packer = std::make_unique<Packer>();
  } else {
    packer = std::move(rules_.packers.back());
    rules_.packers.pop_back();
  }
  std::string_view rest = response.body;
  bool packed = true;
  while (packed && !rest.empty()) {
    const auto part = rest.substr(0, packed_at_once);
    rest.remove_prefix(part.size());
    packed = packer->pack(part, rest.empty());
    // A long text does not keep others waiting.
    if (packed && !rest.empty()) co_await asio::post(use_awaitable);
  }
  if (!packed) co_return;
  auto bytes = packer->take();
  if (rules_.packers.size() < most_packers) rules_.packers.push_back(std::move(packer));
  if (bytes.size() >= response.body.size()) co_return;
  response.body = std::move(bytes);
  response.headers.emplace_back("Content-Encoding", "gzip");
}

awaitable<bool> Connection::write_within_budget(Response response, Exchange exchange,
                                                bool pack_it) {
  HeldMemory held(rules_.shared.budget);
  if (!held.grow_to(response.body.size())) {
    response = refusing({503, "too many large answers at once"});
  } else if (pack_it) {
    // Others are served meanwhile, and what they are answered comes on top.
    co_await pack(response);
    held.shrink_to(response.body.size());
  }
  const bool written = co_await write(std::move(response), exchange);
  co_return written;
}

awaitable<bool> Connection::write(Response response, Exchange exchange) {
  exchange.keep_alive = exchange.keep_alive && !rules_.draining;
  const auto head = head_of(response, exchange);
  const bool has_body = !exchange.head && response.status != 204 && response.status != 304;
  const std::string_view body = has_body ? std::string_view(response.body) : std::string_view();
  const bool written = co_await transport_->send(head, body, pace());
  co_return written;
}

awaitable<void> Connection::write_stream(Response response, Exchange exchange) {
  const auto head = head_of(response, exchange);
  const bool begun = co_await transport_->send(head, pace());
  if (!begun) co_return;
  if (exchange.head) {
    co_await linger();
    co_return;
  }
  AnswerStream body(*transport_, exchange, pace());
  co_await body.watch();
  stream_ = &body;
  if (rules_.draining) body.stop();
  co_await run_stream(response, body);
  stream_ = nullptr;
}

awaitable<void> Connection::run_stream(Response& response, AnswerStream& body) {
  std::string trouble;
  try {
    co_await response.stream(body);
  } catch (...) {
    trouble = runtime::describe(std::current_exception());
  }
  if (!trouble.empty()) {
    telemetry::error("an answer broke off", {{"status", response.status}, {"error", trouble}});
  }
  const bool whole = trouble.empty();
  co_await body.end(whole);
}

awaitable<void> Connection::refuse(Refusal refusal) {
  if (rules_.shared.observer) rules_.shared.observer("-", refusal.status, 0.0);
  auto response = refusing(refusal);
  const Exchange exchange;
  const bool written = co_await write(std::move(response), exchange);
  if (written) co_await linger();
}

awaitable<void> Connection::linger() {
  transport_->end_sending();
  transport_->expect_in(linger_limit);
  std::array<char, first_piece> room{};
  std::size_t dropped = 0;
  while (dropped < most_lingered && !transport_->receive_overdue()) {
    const auto count = co_await transport_->receive(room.data(), room.size());
    if (count == 0) break;
    dropped += count;
  }
}

}  // namespace jobengine::api::http
