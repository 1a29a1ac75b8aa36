#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"
#include "common/zookeeper/lasting_session.hpp"

using namespace jobengine;
using Catch::Matchers::Contains;

TEST_CASE("hosts: lists, ports and a chroot as kazoo takes them", "[zookeeper]") {
  const auto options = zookeeper::parse_hosts({"zk1:2182,zk2/engines/one"});
  REQUIRE(options.hosts == std::vector<std::string>{"zk1:2182", "zk2:2181"});
  REQUIRE(options.chroot == "/engines/one");

  const auto separate = zookeeper::parse_hosts({"zk1", "127.0.0.7:99", "[::1]:2183", "fe80::1"});
  REQUIRE(separate.hosts ==
          std::vector<std::string>{"zk1:2181", "127.0.0.7:99", "[::1]:2183", "[fe80::1]:2181"});
  REQUIRE(separate.chroot.empty());
  REQUIRE(zookeeper::parse_hosts({"zk1/"}).chroot.empty());
}

TEST_CASE("hosts: what is wrong is named, with what was expected", "[zookeeper]") {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"", "a host is missing"},
      {"zk1,,zk2", "a host is missing"},
      {"zk1,", "a host is missing"},
      {":2181", "a host is missing"},
      {"zk1:", "port"},
      {"zk1:abc", "\"zk1:abc\": the port must be a number"},
      {"zk1:0", "port"},
      {"zk1:65536", "port"},
      {"zk1:21 81", "port"},
      {"zk 1", "a host has letters"},
      {"http://zk1:2181", "chroot"},
      {"[::1", "\"]\" is missing"},
      {"[::1]2181", "must follow"},
      {"zk1//a", "chroot"},
      {"zk1/a/", "chroot"},
      {"zk1/a/../b", "chroot"},
      {"zk1/.", "chroot"},
      {"zk1/a zk2/a", "chroot"},
      {"zk1:1:extra", "neither host:port nor an IPv6 address"},
      {"[zk1:1]:2181", "neither host:port nor an IPv6 address"},
  };
  for (const auto& [text, message] : bad) {
    CAPTURE(text);
    REQUIRE_THROWS_WITH(zookeeper::parse_hosts({text}), Contains(message) && Contains("expected"));
  }
  REQUIRE_THROWS_AS(zookeeper::parse_hosts({}), runtime::Failure);
  REQUIRE_THROWS_WITH(zookeeper::parse_hosts({"zk1/a", "zk2/b"}), Contains("another chroot (/a)"));
}
