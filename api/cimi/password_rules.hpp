// Which names and passwords users may have. Pure.
#pragma once

#include <string>

namespace jobengine::api::cimi {

// What is wrong with it; empty when it is fine. Lengths are in bytes: the longest one bounds what a
// hash costs.
std::string username_error(const std::string& username);
std::string password_error(const std::string& password, const std::string& username);

}  // namespace jobengine::api::cimi
