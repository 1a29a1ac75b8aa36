// One job-api at a time serves a database: two would both push a waiting job into the queue, and
// each would believe sessions the other has ended. SQLite itself would let them.
#pragma once

#include <string>

namespace jobengine::api::store {

// Holds an advisory lock on "<database>.lock" until it is destroyed or the process ends, however
// that ends. The file stays; its content means nothing.
class DatabaseClaim {
 public:
  // `name` is what the messages call the database. Throws Failure when another process holds the
  // claim, or naming the reason why the file cannot be used.
  DatabaseClaim(const std::string& database, const std::string& name);
  ~DatabaseClaim();
  DatabaseClaim(const DatabaseClaim&) = delete;
  DatabaseClaim& operator=(const DatabaseClaim&) = delete;

 private:
  int file_ = -1;
};

}  // namespace jobengine::api::store
