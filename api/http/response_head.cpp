#include "api/http/response_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace jobengine::api::http {
namespace {

struct Reason {
  int status;
  const char* phrase;
};

constexpr std::array reasons = {
    Reason{100, "Continue"},
    Reason{200, "OK"},
    Reason{201, "Created"},
    Reason{202, "Accepted"},
    Reason{204, "No Content"},
    Reason{302, "Found"},
    Reason{303, "See Other"},
    Reason{304, "Not Modified"},
    Reason{307, "Temporary Redirect"},
    Reason{308, "Permanent Redirect"},
    Reason{400, "Bad Request"},
    Reason{401, "Unauthorized"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{406, "Not Acceptable"},
    Reason{408, "Request Timeout"},
    Reason{409, "Conflict"},
    Reason{410, "Gone"},
    Reason{412, "Precondition Failed"},
    Reason{413, "Payload Too Large"},
    Reason{415, "Unsupported Media Type"},
    Reason{422, "Unprocessable Entity"},
    Reason{429, "Too Many Requests"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{502, "Bad Gateway"},
    Reason{503, "Service Unavailable"},
    Reason{504, "Gateway Timeout"},
    Reason{507, "Insufficient Storage"},
};

// May be empty (RFC 9112 4).
const char* reason_of(int status) {
  const auto known = std::ranges::find(reasons, status, &Reason::status);
  return known == reasons.end() ? "" : known->phrase;
}

bool fits_a_line(const std::string& text) {
  using namespace std::string_view_literals;
  return text.find_first_of("\r\n\0"sv) == std::string::npos;
}

void append_header(std::string& head, const std::string& name, const std::string& value) {
  if (!fits_a_line(name) || !fits_a_line(value)) return;
  head += name;
  head += ": ";
  head += value;
  head += "\r\n";
}

void append_connection(std::string& head, const Exchange& exchange) {
  if (exchange.version >= 11 && !exchange.keep_alive) head += "Connection: close\r\n";
  if (exchange.version < 11 && exchange.keep_alive) head += "Connection: keep-alive\r\n";
}

void append_framing(std::string& head, const Response& response, const Exchange& exchange) {
  if (response.status == 204 || response.status == 304) return;
  if (response.stream || !response.body.empty()) {
    append_header(head, "Content-Type", response.content_type);
  }
  if (!response.stream) {
    head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  } else if (exchange.version >= 11) {
    head += "Transfer-Encoding: chunked\r\n";
  }
}

}  // namespace

std::string head_of(const Response& response, const Exchange& exchange) {
  std::string head;
  head.reserve(256);
  head += exchange.version >= 11 ? "HTTP/1.1 " : "HTTP/1.0 ";
  head += std::to_string(response.status);
  head += ' ';
  head += reason_of(response.status);
  head += "\r\n";
  for (const auto& [name, value] : response.headers) append_header(head, name, value);
  append_framing(head, response, exchange);
  append_connection(head, exchange);
  head += "\r\n";
  return head;
}

std::string chunk_head(std::size_t size) {
  std::array<char, 2 * sizeof size> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16);
  return std::string(digits.data(), end.ptr) + "\r\n";
}

}  // namespace jobengine::api::http
