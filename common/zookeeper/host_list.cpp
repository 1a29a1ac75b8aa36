#include "common/zookeeper/host_list.hpp"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <charconv>
#include <set>

#include "common/runtime/failure.hpp"
#include "common/zookeeper/lasting_session.hpp"

namespace jobengine::zookeeper {

namespace {

using asio::ip::tcp;

constexpr std::uint16_t default_port = 2181;

[[noreturn]] void bad_host(const std::string& part, const std::string& reason) {
  throw runtime::Failure("ZooKeeper hosts: \"" + part + "\": " + reason +
                         "; expected host, host:port or host1:port,host2:port/chroot");
}

std::uint16_t parse_port(const std::string& part, std::string_view digits) {
  unsigned port = 0;
  const char* end = digits.data() + digits.size();
  auto [stopped, error] = std::from_chars(digits.data(), end, port);
  constexpr unsigned highest = 65535;
  if (error != std::errc() || stopped != end || port == 0 || port > highest) {
    bad_host(part, "the port must be a number from 1 to 65535");
  }
  return static_cast<std::uint16_t>(port);
}

bool host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == ':' || c == '%';
}

std::string text_of(const HostAndPort& host) {
  const bool v6 = host.host.find(':') != std::string::npos;
  return (v6 ? "[" + host.host + "]" : host.host) + ":" + std::to_string(host.port);
}

// What the lookups in flight write into; they may outlive whoever waits for them.
struct Lookup {
  explicit Lookup(const runtime::Executor& loop) : resolver(loop) {}
  tcp::resolver resolver;
  std::set<std::string> addresses;
  std::size_t left = 0;
  runtime::Event done;
};

void add(Lookup& lookup, const asio::ip::address& address, std::uint16_t port) {
  // The library splits at the last colon and knows no brackets.
  lookup.addresses.insert(address.to_string() + ":" + std::to_string(port));
}

void start(const std::shared_ptr<Lookup>& lookup, const HostAndPort& host) {
  boost::system::error_code not_numeric;
  const auto numeric = asio::ip::make_address(host.host, not_numeric);
  if (!not_numeric) {
    add(*lookup, numeric, host.port);
    return;
  }
  ++lookup->left;
  lookup->resolver.async_resolve(
      host.host, "",
      [lookup, port = host.port](boost::system::error_code error, const auto& found) {
        if (!error) {
          for (const auto& entry : found) add(*lookup, entry.endpoint().address(), port);
        }
        if (--lookup->left == 0) lookup->done.raise();
      });
}

}  // namespace

HostAndPort parse_host(const std::string& text) {
  HostAndPort parsed;
  parsed.port = default_port;
  if (text.empty()) bad_host(text, "a host is missing");
  std::string_view rest = text;
  if (rest.front() == '[') {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) bad_host(text, "\"]\" is missing");
    parsed.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!rest.empty() && rest.front() != ':') bad_host(text, "a port or nothing must follow \"]\"");
    if (!rest.empty()) parsed.port = parse_port(text, rest.substr(1));
  } else if (std::count(rest.begin(), rest.end(), ':') == 1) {
    const auto colon = rest.find(':');
    parsed.host = rest.substr(0, colon);
    parsed.port = parse_port(text, rest.substr(colon + 1));
  } else {
    parsed.host = rest;  // a name, or an IPv6 address without brackets
  }
  if (parsed.host.empty()) bad_host(text, "a host is missing");
  if (parsed.host.find(':') != std::string::npos) {
    boost::system::error_code no_address;
    asio::ip::make_address_v6(parsed.host, no_address);
    if (no_address) bad_host(text, "this is neither host:port nor an IPv6 address");
  }
  if (!std::all_of(parsed.host.begin(), parsed.host.end(), host_character)) {
    bad_host(text, "a host has letters, digits, \".\", \"-\" and \"_\"");
  }
  return parsed;
}

std::string parse_chroot(const std::string& text) {
  if (text.empty() || text == "/") return "";
  const std::string ended = text + "/";
  const bool relative =
      ended.find("/./") != std::string::npos || ended.find("/../") != std::string::npos;
  const bool blank = std::any_of(text.begin(), text.end(), [](unsigned char c) {
    constexpr unsigned char rubout = 0x7f;
    return c <= ' ' || c == rubout;
  });
  if (text.front() != '/' || text.back() == '/' || text.find("//") != std::string::npos ||
      relative || blank) {
    throw runtime::Failure("ZooKeeper hosts: the chroot \"" + text +
                           "\" is malformed; expected something like /a or /a/b");
  }
  return text;
}

SessionOptions parse_hosts(const std::vector<std::string>& arguments) {
  SessionOptions options;
  for (const std::string& argument : arguments) {
    const auto slash = argument.find('/');
    if (slash != std::string::npos) {
      const std::string chroot = parse_chroot(argument.substr(slash));
      if (!options.chroot.empty() && chroot != options.chroot) {
        bad_host(argument, "another chroot (" + options.chroot + ") was given before");
      }
      options.chroot = chroot;
    }
    const std::string list = argument.substr(0, slash);
    for (std::size_t from = 0; from <= list.size();) {
      const auto comma = std::min(list.find(',', from), list.size());
      options.hosts.push_back(text_of(parse_host(list.substr(from, comma - from))));
      from = comma + 1;
    }
  }
  if (options.hosts.empty()) bad_host("", "no host was given");
  return options;
}

awaitable<std::string> resolve_hosts(std::vector<HostAndPort> hosts, runtime::Event& stop) {
  constexpr auto patience = std::chrono::seconds(10);
  auto loop = co_await asio::this_coro::executor;
  auto lookup = std::make_shared<Lookup>(loop);
  for (const HostAndPort& host : hosts) start(lookup, host);
  if (lookup->left > 0) {
    const auto deadline = runtime::Clock::now() + patience;
    co_await runtime::Event::wait_either(lookup->done, stop, deadline);
    lookup->resolver.cancel();
  }
  std::string all;
  if (stop.raised()) co_return all;
  for (const std::string& address : lookup->addresses) all += (all.empty() ? "" : ",") + address;
  co_return all;
}

}  // namespace jobengine::zookeeper
