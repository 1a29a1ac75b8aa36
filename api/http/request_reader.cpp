#include "api/http/request_reader.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>
#include <limits>
#include <optional>

namespace jobengine::api::http {
namespace {

namespace beast = boost::beast;
namespace wire = boost::beast::http;
using boost::system::error_code;
using Message = wire::request<wire::string_body>;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

Refusal refusal_of(const error_code& failure) {
  if (failure == wire::error::body_limit) return {413, "request body too large"};
  if (failure == wire::error::header_limit) return {431, "request header too large"};
  return {400, "malformed HTTP request"};
}

// A line that ends without CR never ends for the parser: such a request would only time out.
bool has_bare_line_feed(std::string_view text) {
  for (auto at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    if (at == 0 || text[at - 1] != '\r') return true;
  }
  return false;
}

// Where a body ends must be beyond doubt: what another reader on the way understands differently
// would be taken for a request (RFC 9112 6.3).
Refusal framing_refusal(const Message& message) {
  const auto length = message[wire::field::content_length];
  if (message.count(wire::field::content_length) > 1 || length.find(',') != length.npos) {
    return {400, "malformed HTTP request"};
  }
  const auto codings = message.count(wire::field::transfer_encoding);
  if (codings == 0) return {};
  const bool chunked = beast::iequals(message[wire::field::transfer_encoding], "chunked");
  if (!chunked && codings == 1) return {501, "Transfer-Encoding: only chunked is supported"};
  if (codings > 1 || message.count(wire::field::content_length) > 0 || message.version() < 11) {
    return {400, "malformed HTTP request"};
  }
  return {};
}

// "http://host:1/a?b" is "/a?b" for that host (RFC 9112 3.2.2). Nothing when it is no such form.
struct AbsoluteTarget {
  std::string_view host;
  std::string_view rest;
};
std::optional<AbsoluteTarget> absolute_target(std::string_view target) {
  const auto scheme = target.substr(0, target.find("://"));
  const auto begin = scheme.size() + 3;
  if (begin > target.size() || (lower(scheme) != "http" && lower(scheme) != "https")) {
    return std::nullopt;
  }
  const auto end = std::min(target.find_first_of("/?", begin), target.size());
  return AbsoluteTarget{target.substr(begin, end - begin), target.substr(end)};
}

void use_absolute_target(Request& request) {
  const std::string target = request.target;
  const auto parts = absolute_target(target);
  if (!parts) return;
  request.target = (parts->rest.starts_with("/") ? "" : "/") + std::string(parts->rest);
  for (auto& [name, value] : request.headers) {
    if (name == "host") value = std::string(parts->host);
  }
}

}  // namespace

struct RequestReader::Parser {
  wire::request_parser<wire::string_body> parser;
  Message& message() { return parser.get(); }
};

RequestReader::RequestReader(const RequestLimits& limits)
    : parser_(std::make_unique<Parser>()), limits_(limits) {
  constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
  parser_->parser.header_limit(static_cast<std::uint32_t>(std::min(limits.header, most)));
  // Whose body it is shows when the header is read.
  parser_->parser.body_limit(std::max(limits.body, limits.bulk_body));
  parser_->parser.eager(true);
}

RequestReader::~RequestReader() = default;

std::size_t RequestReader::take(std::string_view bytes) {
  std::size_t taken = 0;
  while (!begun_ && bytes.substr(taken).starts_with("\r\n")) taken += 2;
  bytes.remove_prefix(taken);
  if (bytes.empty() || bytes == "\r") return taken;
  begun_ = true;
  error_code failure;
  auto& parser = parser_->parser;
  const auto used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), failure);
  taken += used;
  bytes.remove_prefix(used);
  // What is wrong with the header is told first, also when the body came with it.
  if (parser.is_header_done() && !header_read_) header_read();
  if (header_read_ && refusal_.status == 0) check_length();
  if (failure && failure != wire::error::need_more) {
    if (refusal_.status == 0) refusal_ = refusal_of(failure);
    return taken;
  }
  if (!header_read_ && has_bare_line_feed(bytes)) {
    refuse(400, "malformed HTTP request");
  }
  done_ = refusal_.status == 0 && parser.is_done();
  // Beyond the header the parser leaves only the line before a chunk, or the lines after the last.
  if (!done_ && bytes.size() > limits_.header) refuse(400, "malformed HTTP request");
  return taken;
}

void RequestReader::header_read() {
  header_read_ = true;
  const auto& message = parser_->message();
  refusal_ = framing_refusal(message);
  if (refusal_.status != 0) return;
  if (message.version() >= 11 && message.count(wire::field::host) != 1) {
    refuse(400, "one Host header is required");
    return;
  }
  const std::string_view target(message.target().data(), message.target().size());
  const bool is_path = target.starts_with('/') || target == "*" || absolute_target(target);
  if (!is_path) {
    refuse(400, "the request target must be a path");
    return;
  }
  wants_continue_ = message.version() >= 11 && !parser_->parser.is_done() &&
                    beast::iequals(message[wire::field::expect], "100-continue");
}

std::size_t RequestReader::body_limit() const {
  const auto& message = parser_->message();
  const std::string_view target(message.target().data(), message.target().size());
  auto path = target.substr(0, target.find('?'));
  if (path.ends_with('/')) path.remove_suffix(1);
  const bool bulk = message.method() == wire::verb::post && path == limits_.bulk_path;
  return bulk ? std::max(limits_.body, limits_.bulk_body) : limits_.body;
}

void RequestReader::check_length() {
  const auto& parser = parser_->parser;
  const std::uint64_t announced = parser.content_length().value_or(0);
  const std::uint64_t length = std::max<std::uint64_t>(announced, parser.get().body().size());
  if (length <= body_limit()) return;
  refuse(413, "request body too large");
  wants_continue_ = false;
}

bool RequestReader::wants_continue() {
  return std::exchange(wants_continue_, false);
}

Request RequestReader::release() {
  auto& message = parser_->message();
  Request request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  for (const auto& field : message) {
    const auto name = field.name_string();
    request.headers.emplace_back(lower(std::string_view(name.data(), name.size())),
                                 std::string(field.value()));
  }
  request.body = std::move(message.body());
  use_absolute_target(request);
  return request;
}

unsigned RequestReader::version() const {
  return parser_->message().version();
}

bool RequestReader::keep_alive() const {
  return parser_->message().keep_alive();
}

}  // namespace jobengine::api::http
