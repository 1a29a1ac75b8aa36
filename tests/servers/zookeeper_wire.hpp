// ZooKeeper's bytes, for what no client library lets a test do.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>

#include "common/runtime/asio.hpp"

namespace jobengine::tests::wire {

// Big-endian, so many bytes.
void put(std::string& frame, std::int64_t number, int bytes);
// With its length before it.
void put_text(std::string& frame, const std::string& text);
// A whole frame: its length before it.
std::string framed(const std::string& body);
// The first request on a connection. Session 0: a new one.
std::string connect_request(std::int64_t session_id, const std::string& password);
// The body of the next frame. Throws boost::system::system_error.
awaitable<std::string> receive_frame(asio::ip::tcp::socket& socket);

}  // namespace jobengine::tests::wire
