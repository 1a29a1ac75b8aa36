#include "common/zookeeper/request.hpp"

#include <string_view>

namespace jobengine::zookeeper {

namespace {

// jute.maxbuffer's default is 1048575 bytes for the whole request; the rest is for headers and
// ACLs.
constexpr std::size_t largest_request = 1048575 - 200;
constexpr std::size_t largest_operation_frame = 80;

bool well_formed_path(std::string_view path) {
  return path.starts_with('/') && path.find('\0') == std::string_view::npos;
}

}  // namespace

bool only_reads(Request::Kind kind) {
  switch (kind) {
    case Request::Kind::Get:
    case Request::Kind::Exists:
    case Request::Kind::Children:
    case Request::Kind::Sync:
      return true;
    case Request::Kind::Create:
    case Request::Kind::Set:
    case Request::Kind::Remove:
    case Request::Kind::Multi:
      return false;
  }
  return false;
}

bool well_formed(const Request& request) {
  if (request.kind != Request::Kind::Multi) {
    return well_formed_path(request.path) &&
           request.path.size() + request.data.size() <= largest_request;
  }
  std::size_t size = 0;
  for (const Operation& operation : request.operations) {
    if (!well_formed_path(operation.path)) return false;
    size += operation.path.size() + operation.data.size() + largest_operation_frame;
  }
  return size <= largest_request;
}

}  // namespace jobengine::zookeeper
