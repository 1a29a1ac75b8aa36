#include <charconv>

#include "common/configuration/options.hpp"

namespace jobengine::configuration {

HostAndPort parse_host_and_port(std::string_view text, std::string_view what) {
  const auto refuse = [&](const std::string& complaint) {
    throw UsageError(std::string(what) + ": \"" + std::string(text) + "\" " + complaint +
                     "; expected HOST:PORT, like 127.0.0.1:8200 or [::1]:8200");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) refuse("has no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    refuse("has an IPv6 address without brackets");
  }
  if (host.empty()) refuse("has no host");
  if (host.find_first_of(" \t/[]") != std::string_view::npos) refuse("has no valid host");
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) {
    refuse("has no valid port (0 to 65535)");
  }
  return HostAndPort{std::string(host), number};
}

}  // namespace jobengine::configuration
