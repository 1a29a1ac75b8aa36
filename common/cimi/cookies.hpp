// The cookies of one server, as far as a session needs them. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace jobengine::cimi {

class Cookies {
 public:
  // A base64 text of a cookie file in LWP's format (JOB_COOKIES, spec 5.1). Throws Failure when it
  // is none or holds no cookie.
  static Cookies from_lwp_base64(std::string_view base64);

  // The values of all Set-Cookie headers, joined by commas as HTTP libraries do. A cookie that is
  // emptied, marked INVALID or given no time to live is dropped. Returns true if anything changed.
  bool absorb(std::string_view set_cookie);

  // "a=1; b=2"; "" when there is none.
  std::string header() const;
  bool empty() const { return values_.empty(); }
  void clear() { values_.clear(); }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace jobengine::cimi
