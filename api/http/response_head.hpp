// The lines before an answer's body. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "api/http/response.hpp"

namespace jobengine::api::http {

// What of the request decides how its answer is framed.
struct Exchange {
  unsigned version = 11;  // HTTP/1.0: 10
  bool keep_alive = false;
  bool head = false;  // HEAD: the headers of GET, no body
};

// "HTTP/1.1 200 OK…" up to and with the empty line. With a stream: chunked for HTTP/1.1, ended by
// the connection's end for 1.0. Headers that would break out of their line are left out.
std::string head_of(const Response& response, const Exchange& exchange);

// One piece of a chunked body; an empty piece would end it.
std::string chunk_head(std::size_t size);
inline constexpr const char* chunk_tail = "\r\n";
inline constexpr const char* last_chunk = "0\r\n\r\n";

}  // namespace jobengine::api::http
