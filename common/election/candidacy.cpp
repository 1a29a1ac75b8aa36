#include "common/election/candidacy.hpp"

#include <algorithm>
#include <random>

namespace jobengine::election {

namespace {

constexpr std::string_view marker = "__lock__";
constexpr std::size_t digits = 10;

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<std::string_view> sequence_of(std::string_view name) {
  const auto at = name.rfind(marker);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view sequence = name.substr(at + marker.size());
  const std::string_view number = sequence.starts_with('-') ? sequence.substr(1) : sequence;
  if (number.size() != digits || !all_digits(number)) return std::nullopt;
  return sequence;
}

std::vector<std::string> in_order(const std::vector<std::string>& names) {
  std::vector<std::string> contenders;
  for (const std::string& name : names) {
    if (sequence_of(name)) contenders.push_back(name);
  }
  std::sort(contenders.begin(), contenders.end(), [](const auto& one, const auto& other) {
    return *sequence_of(one) < *sequence_of(other);
  });
  return contenders;
}

Standing standing_of(const std::vector<std::string>& names, const std::string& own_name) {
  Standing standing;
  const auto contenders = in_order(names);
  const auto own = std::find(contenders.begin(), contenders.end(), own_name);
  if (own == contenders.end()) return standing;
  standing.listed = true;
  if (own != contenders.begin()) standing.predecessor = *(own - 1);
  return standing;
}

std::string random_contender_prefix() {
  constexpr std::string_view hex = "0123456789abcdef";
  std::random_device random;
  std::string prefix(32, '0');
  for (char& digit : prefix) digit = hex[random() % hex.size()];
  return prefix.append(marker);
}

}  // namespace jobengine::election
