#include "api/access/password_hash.hpp"

#include <argon2.h>

#include <atomic>
#include <boost/asio/thread_pool.hpp>

#include "api/access/secrets.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::api::access {
namespace {

// OWASP's second recommendation for Argon2id: 19 MiB, 2 passes, one lane.
constexpr std::uint32_t passes = 2;
constexpr std::uint32_t memory_kib = 19 * 1024;
constexpr std::uint32_t lanes = 1;
constexpr std::size_t salt_length = 16;
constexpr std::size_t hash_length = 32;
// About two seconds of work.
constexpr int most_waiting = 64;

// A place among those who wait, as long as it lives.
class Place {
 public:
  explicit Place(std::atomic<int>& waiting)
      : waiting_(waiting), granted_(waiting.fetch_add(1) < most_waiting) {}
  ~Place() { waiting_.fetch_sub(1); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  bool granted() const { return granted_; }

 private:
  std::atomic<int>& waiting_;
  bool granted_;
};

}  // namespace

struct PasswordHasher::State {
  asio::thread_pool thread{1};
  std::atomic<int> waiting{0};
  std::string nobody = hash("nobody has this password");
};

PasswordHasher::PasswordHasher() : state_(std::make_unique<State>()) {}
PasswordHasher::~PasswordHasher() {
  state_->thread.join();
}

std::string PasswordHasher::hash(const std::string& password) {
  const auto salt = random_bytes(salt_length);
  std::string encoded(
      argon2_encodedlen(passes, memory_kib, lanes, salt_length, hash_length, Argon2_id), '\0');
  const int code =
      argon2id_hash_encoded(passes, memory_kib, lanes, password.data(), password.size(),
                            salt.data(), salt.size(), hash_length, encoded.data(), encoded.size());
  if (code != ARGON2_OK) {
    throw runtime::Failure(std::string("cannot hash a password: ") + argon2_error_message(code));
  }
  encoded.resize(encoded.find('\0'));
  return encoded;
}

awaitable<std::optional<std::string>> PasswordHasher::hash_in_turn(std::string password) {
  const Place place(state_->waiting);
  if (!place.granted()) co_return std::nullopt;
  auto hashed = [](const std::string& text) -> awaitable<std::string> { co_return hash(text); };
  auto work = hashed(password);
  auto encoded = co_await asio::co_spawn(state_->thread, std::move(work), use_awaitable);
  co_return encoded;
}

awaitable<std::optional<bool>> PasswordHasher::check(std::string hash, std::string password) {
  const Place place(state_->waiting);
  if (!place.granted()) co_return std::nullopt;
  const bool known = !hash.empty();
  const std::string& against = known ? hash : state_->nobody;
  auto verified = [](const std::string& encoded, const std::string& text) -> awaitable<bool> {
    co_return argon2id_verify(encoded.c_str(), text.data(), text.size()) == ARGON2_OK;
  };
  auto work = verified(against, password);
  const bool same = co_await asio::co_spawn(state_->thread, std::move(work), use_awaitable);
  co_return known&& same;
}

}  // namespace jobengine::api::access
