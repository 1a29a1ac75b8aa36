// The crash points that have their story here; a test compares them with those that there are.
#pragma once

#include <set>
#include <string>

namespace jobengine::tests {

std::set<std::string> executor_points_told();
std::set<std::string> api_points_told();
std::set<std::string> distributor_points_told();
std::set<std::string> keeper_points_told();

}  // namespace jobengine::tests
