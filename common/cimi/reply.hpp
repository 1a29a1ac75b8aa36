// From an HTTP answer to a Reply: the one place where status codes get their meaning. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/cimi/client.hpp"

namespace jobengine::cimi {

struct HttpAnswer {
  int status = 0;
  std::string body;
  std::string etag;
  std::string location;
  std::string set_cookie;
};

// `asked`: "GET http://host/api/job/1", for the message. `wants_document`: as in Request.
Reply reply_to(const std::string& asked, HttpAnswer answer, bool wants_document = true);

// No answer came; `reason` says why.
Reply no_reply(const std::string& asked, const std::string& reason);

// The request cannot be sent as it is.
Reply unsendable(const std::string& asked, const std::string& reason);

}  // namespace jobengine::cimi
