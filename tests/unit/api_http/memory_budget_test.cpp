#include "api/http/memory_budget.hpp"

#include <catch2/catch.hpp>

namespace jobengine::api::http {
namespace {

constexpr std::size_t kibibyte = 1024;
constexpr std::size_t mebibyte = 1024 * kibibyte;

TEST_CASE("memory budget: what does not fit is refused, what ends gives its part back", "[api]") {
  MemoryBudget budget(4 * mebibyte);
  HeldMemory first(budget);
  CHECK(first.grow_to(3 * mebibyte));
  {
    HeldMemory second(budget);
    CHECK_FALSE(second.grow_to(2 * mebibyte));
    CHECK(second.grow_to(mebibyte));
    CHECK_FALSE(second.grow_to(mebibyte + 1));
  }
  first.shrink_to(2 * mebibyte);
  HeldMemory third(budget);
  CHECK(third.grow_to(2 * mebibyte));
}

TEST_CASE("memory budget: who is alone may have any amount", "[api]") {
  MemoryBudget budget(mebibyte);
  HeldMemory only(budget);
  CHECK(only.grow_to(8 * mebibyte));
}

TEST_CASE("memory budget: large bodies keep nobody from small answers", "[api]") {
  MemoryBudget budget(4 * mebibyte);
  HeldMemory large(budget);
  REQUIRE(large.grow_to(4 * mebibyte));
  HeldMemory refused(budget);
  CHECK_FALSE(refused.grow_to(65 * kibibyte));
  HeldMemory small(budget);
  CHECK(small.grow_to(64 * kibibyte));
}

TEST_CASE("memory budget: small answers are bounded together, too", "[api]") {
  MemoryBudget budget(mebibyte);
  HeldMemory large(budget);
  REQUIRE(large.grow_to(mebibyte));
  HeldMemory one(budget);
  HeldMemory two(budget);
  HeldMemory three(budget);
  HeldMemory four(budget);
  HeldMemory five(budget);
  for (auto* some : {&one, &two, &three, &four}) CHECK(some->grow_to(64 * kibibyte));
  CHECK_FALSE(five.grow_to(1));
}

}  // namespace
}  // namespace jobengine::api::http
