// Makes a request out of the bytes of a connection, within limits. Pure: does no I/O. Boost.Beast's
// parser behind it.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "api/http/request.hpp"

namespace jobengine::api::http {

struct RequestLimits {
  std::size_t header = 16 * 1024;  // request line and headers; more: 431
  std::size_t body = 1024 * 1024;  // more: 413
  // Of a POST to this path, "/api/job", if that is more.
  std::string_view bulk_path = {};
  std::size_t bulk_body = 0;
};

// What is answered to a request that is none; the connection ends with it.
struct Refusal {
  int status = 0;  // 0: not refused
  const char* message = "";
};

// Reads one request.
class RequestReader {
 public:
  explicit RequestReader(const RequestLimits& limits);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // Takes what it can from the front of `bytes` and returns how much that was. What it left must
  // come first the next time, with more behind it, unless the request is done or refused by then.
  std::size_t take(std::string_view bytes);

  bool done() const { return done_; }
  const Refusal& refusal() const { return refusal_; }
  // The header is there and asks for an interim answer before the body is sent (RFC 9110 10.1.1).
  // True once.
  bool wants_continue();

  // What was read; once, when done. `peer` and `over_tls` stay to be filled.
  Request release();
  unsigned version() const;  // 10 or 11
  bool keep_alive() const;

 private:
  void refuse(int status, const char* message) { refusal_ = {status, message}; }
  void header_read();
  // Once the header is there.
  std::size_t body_limit() const;
  void check_length();

  struct Parser;
  std::unique_ptr<Parser> parser_;
  RequestLimits limits_;
  Refusal refusal_;
  bool begun_ = false;  // past the empty lines that may come before a request
  bool header_read_ = false;
  bool wants_continue_ = false;
  bool done_ = false;
};

}  // namespace jobengine::api::http
