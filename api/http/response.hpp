// An answer as the rest of job-api makes it; Beast stops in listener.cpp.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace jobengine::api::http {

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
};

}  // namespace jobengine::api::http
