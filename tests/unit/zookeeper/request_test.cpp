#include "common/zookeeper/request.hpp"

#include <catch2/catch.hpp>

using namespace jobengine::zookeeper;

TEST_CASE("request: what the server would refuse by hanging up is not sent", "[zookeeper]") {
  Request request;
  request.kind = Request::Kind::Set;
  request.path = "/a";
  REQUIRE(well_formed(request));
  request.data.assign(1000 * 1000, 'x');
  REQUIRE(well_formed(request));
  request.data.assign(1100 * 1000, 'x');
  REQUIRE_FALSE(well_formed(request));
  request.data.clear();
  for (const std::string& path : {std::string(), std::string("a"), std::string("/a\0b", 4)}) {
    request.path = path;
    REQUIRE_FALSE(well_formed(request));
  }
}

TEST_CASE("request: the operations of a multi are limited together", "[zookeeper]") {
  Request request;
  request.kind = Request::Kind::Multi;
  for (int i = 0; i < 3; ++i)
    request.operations.push_back(set_operation("/a", std::string(400000, 'x')));
  REQUIRE_FALSE(well_formed(request));
  request.operations.pop_back();
  REQUIRE(well_formed(request));
  request.operations.push_back(check_operation("relative", 1));
  REQUIRE_FALSE(well_formed(request));
}

TEST_CASE("request: only what has no effect may be sent twice", "[zookeeper]") {
  REQUIRE(only_reads(Request::Kind::Get));
  REQUIRE(only_reads(Request::Kind::Sync));
  for (auto kind :
       {Request::Kind::Create, Request::Kind::Set, Request::Kind::Remove, Request::Kind::Multi}) {
    REQUIRE_FALSE(only_reads(kind));
  }
}

TEST_CASE("errors: the outcome is unknown when no server answered", "[zookeeper]") {
  REQUIRE(outcome_unknown(ZnodeError::ConnectionLoss));
  REQUIRE(outcome_unknown(ZnodeError::SessionLost));
  REQUIRE_FALSE(outcome_unknown(ZnodeError::Ok));
  REQUIRE_FALSE(outcome_unknown(ZnodeError::BadVersion));
  REQUIRE(text(ZnodeError::NoNode) == "no such node");
}
