#include "common/telemetry/statsd.hpp"

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <catch2/catch.hpp>
#include <set>

#include "common/runtime/failure.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::telemetry;
using asio::ip::udp;

TEST_CASE("statsd: gauges arrive in the Python distributor's form", "[statsd]") {
  tests::run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    udp::socket server(loop, udp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    const std::string address = "127.0.0.1:" + std::to_string(server.local_endpoint().port());
    Statsd statsd(loop, address);
    statsd.gauge("job_distribution.in_started", 12);
    statsd.gauge("job_distribution.below", -3);
    std::set<std::string> arrived;
    for (int i = 0; i < 2; ++i) {
      std::array<char, 512> packet{};
      auto buffer = asio::buffer(packet);
      const std::size_t size = co_await server.async_receive(buffer, use_awaitable);
      arrived.insert(std::string(packet.data(), size));
    }
    REQUIRE(arrived ==
            std::set<std::string>{"job_distribution.in_started:12|g",
                                  "job_distribution.below:0|g\njob_distribution.below:-3|g"});
  });
}

TEST_CASE("statsd: without a server or with one that does not resolve nothing happens",
          "[statsd]") {
  tests::run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Statsd none(loop, "");
    none.gauge("a", 1);
    Statsd unresolvable(loop, "no-such-host.invalid:99");
    for (int i = 0; i < 10'000; ++i) unresolvable.gauge("a" + std::to_string(i), i);
    co_return;
  });
}

TEST_CASE("statsd: an address of another form is refused", "[statsd]") {
  asio::io_context loop;
  for (const char* bad : {":8125", "host:", "host:0", "host:x", "host:99999", "[::1", "a b"}) {
    CAPTURE(bad);
    REQUIRE_THROWS_WITH(Statsd(loop, bad), Catch::StartsWith("statsd \"" + std::string(bad)));
  }
}
