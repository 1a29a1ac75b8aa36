#include "api/store/database_claim.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/runtime/failure.hpp"

namespace jobengine::api::store {

DatabaseClaim::DatabaseClaim(const std::string& database, const std::string& name) {
  const auto lock = database + ".lock";
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is open's signature
  file_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file_ < 0) {
    throw runtime::Failure("cannot open database " + name + ": its lock file " + lock + ": " +
                           std::strerror(errno));
  }
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
  const int reason = errno;
  ::close(file_);
  if (reason == EWOULDBLOCK) {
    throw runtime::Failure("cannot open database " + name +
                           ": another job-api serves it (it holds " + lock +
                           "); one database is served by one process");
  }
  throw runtime::Failure("cannot open database " + name + ": its lock file " + lock + ": " +
                         std::strerror(reason));
}

DatabaseClaim::~DatabaseClaim() {
  ::close(file_);
}

}  // namespace jobengine::api::store
