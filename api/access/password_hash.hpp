// Hashes of passwords (Argon2id), made and checked on a thread of their own so that no login can
// hold up other requests.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/runtime/asio.hpp"

namespace jobengine::api::access {

// [any thread]
class PasswordHasher {
 public:
  PasswordHasher();
  // Waits for what is under way.
  ~PasswordHasher();

  // "$argon2id$…" with a fresh salt. Takes tens of milliseconds of the calling thread.
  static std::string hash(const std::string& password);

  // Whether the hash is of that password, worked out on the own thread; resumes on the caller's
  // executor. Nothing when so many wait already that this one is refused. An empty hash takes the
  // same time as any other and never matches, so that unknown users do not answer sooner.
  awaitable<std::optional<bool>> check(std::string hash, std::string password);
  // hash() on the own thread. Nothing when too many wait.
  awaitable<std::optional<std::string>> hash_in_turn(std::string password);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jobengine::api::access
