#include "common/telemetry/statsd.hpp"

#include <boost/asio/ip/udp.hpp>
#include <charconv>
#include <map>

#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::telemetry {

namespace {

using asio::ip::udp;

struct Target {
  std::string host;
  std::string port = "8125";
};

Target parse_target(const std::string& text) {
  const auto refuse = [&text] {
    throw runtime::Failure("statsd \"" + text + "\": expected HOST or HOST:PORT");
  };
  Target target;
  std::string rest;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string::npos) refuse();
    target.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const auto colon = text.find(':');
    target.host = text.substr(0, colon);
    if (colon != std::string::npos) rest = text.substr(colon);
  }
  if (target.host.empty() || target.host.find_first_of(" /") != std::string::npos) refuse();
  if (!rest.empty()) {
    target.port = rest.substr(1);
    std::uint16_t number = 0;
    const char* last = target.port.data() + target.port.size();
    const auto [end, error] = std::from_chars(target.port.data(), last, number);
    if (rest.front() != ':' || error != std::errc() || end != last || number == 0) refuse();
  }
  return target;
}

}  // namespace

// The name is resolved when there is something to send, and again now and then: services move.
struct Statsd::State : std::enable_shared_from_this<Statsd::State> {
  State(asio::io_context& loop, Target where)
      : target(std::move(where)), resolver(loop), socket(loop) {}

  static constexpr auto resolved_for = std::chrono::minutes(5);
  static constexpr auto retry_after = std::chrono::seconds(10);
  static constexpr std::size_t most_waiting = 1000;

  Target target;
  udp::resolver resolver;
  udp::socket socket;
  udp::endpoint endpoint;
  bool resolving = false;
  bool resolved = false;
  runtime::TimePoint resolve_again{};
  std::map<std::string, std::string, std::less<>>
      waiting;  // the last value of each, until resolved

  void resolve() {
    if (resolving || runtime::Clock::now() < resolve_again) return;
    resolving = true;
    resolver.async_resolve(
        target.host, target.port,
        [self = shared_from_this()](const auto& failure, const udp::resolver::results_type& found) {
          self->on_resolved(failure ? udp::resolver::results_type() : found);
        });
  }

  void on_resolved(const udp::resolver::results_type& found) {
    resolving = false;
    resolve_again = runtime::Clock::now() + (found.empty() ? runtime::Duration(retry_after)
                                                           : runtime::Duration(resolved_for));
    if (found.empty()) {
      debug("statsd host does not resolve", {{"host", target.host}});
      return;
    }
    const udp::endpoint first = found.begin()->endpoint();
    boost::system::error_code failure;
    if (!socket.is_open() || first.protocol() != endpoint.protocol()) {
      socket.close(failure);
      socket.open(first.protocol(), failure);
      if (!failure) socket.non_blocking(true, failure);
    }
    endpoint = first;
    resolved = !failure;
    for (const auto& [name, packet] : waiting) send(packet);
    waiting.clear();
  }

  void send(const std::string& packet) {
    boost::system::error_code lost;
    socket.send_to(asio::buffer(packet), endpoint, 0, lost);
  }
};

Statsd::Statsd(asio::io_context& loop, const std::string& host_and_port) {
  if (!host_and_port.empty()) {
    state_ = std::make_shared<State>(loop, parse_target(host_and_port));
  }
}

Statsd::~Statsd() {
  if (state_) state_->resolver.cancel();
}

void Statsd::gauge(std::string_view name, std::int64_t value) {
  if (!state_) return;
  std::string packet(name);
  // A sign would make it a change of the gauge: set it to 0 first.
  if (value < 0) packet += ":0|g\n" + std::string(name);
  packet += ":" + std::to_string(value) + "|g";
  state_->resolve();
  if (state_->resolved) {
    state_->send(packet);
  } else if (state_->waiting.size() < State::most_waiting) {
    state_->waiting.insert_or_assign(std::string(name), std::move(packet));
  }
}

}  // namespace jobengine::telemetry
