#include "api/access/client_address.hpp"

#include <boost/asio/ip/address.hpp>
#include <optional>

#include "common/runtime/asio.hpp"

namespace jobengine::api::access {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> parsed(const std::string& text) {
  boost::system::error_code error;
  auto address = ip::make_address(text, error);
  if (error) return std::nullopt;
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return ip::address(ip::make_address_v4(ip::v4_mapped, address.to_v6()));
  }
  return address;
}

// "192.0.2.1" of "198.51.100.7, 192.0.2.1".
std::string last_of(std::string_view list) {
  const auto comma = list.rfind(',');
  if (comma != std::string_view::npos) list.remove_prefix(comma + 1);
  const auto first = list.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(list.substr(first, list.find_last_not_of(" \t") - first + 1));
}

}  // namespace

std::string client_address(const http::Request& request, ForwardedFor forwarded) {
  if (forwarded == ForwardedFor::Trusted) {
    // A proxy may add a header of its own instead of lengthening the one that came.
    std::string last;
    for (const auto& [name, value] : request.headers) {
      if (name == "x-forwarded-for") last = last_of(value);
    }
    if (const auto address = parsed(last)) return address->to_string();
  }
  return request.peer;
}

std::string network_of(const std::string& address) {
  const auto known = parsed(address);
  if (!known) return {};
  if (known->is_v4()) return known->to_string();
  auto bytes = known->to_v6().to_bytes();
  for (std::size_t place = 8; place < bytes.size(); ++place) bytes[place] = 0;
  return ip::address_v6(bytes).to_string() + "/64";
}

}  // namespace jobengine::api::access
