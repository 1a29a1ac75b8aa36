#include "executor/state_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"
#include "executor/left_behind.hpp"

namespace jobengine::executor {

namespace {

using nlohmann::json;

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", static_cast<unsigned char>(byte));
    text += digits.data();
  }
  return text;
}

// Nothing for what is no hexadecimal text.
std::optional<std::string> unhex(const std::string& text) {
  std::string bytes;
  if (text.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    std::size_t used = 0;
    const std::string digits = text.substr(i, 2);
    if (digits.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
    bytes.push_back(static_cast<char>(std::stoi(digits, &used, 16)));
  }
  return bytes;
}

// The password is as good as the locks: for nobody else to read. Nothing when all went well.
std::string replace_file(const std::string& path, const std::string& text) {
  const std::string draft = path + ".new";
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is open's signature
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return std::strerror(errno);
  const ssize_t size = ::write(file, text.data(), text.size());
  const bool whole = size == static_cast<ssize_t>(text.size());
  ::close(file);
  if (!whole) return "it is not written whole";
  return ::rename(draft.c_str(), path.c_str()) == 0 ? "" : std::strerror(errno);
}

std::string random_mark() {
  std::random_device random;
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t number = random();
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return hex(bytes);
}

}  // namespace

StateDirectory::StateDirectory(std::string path)
    : path_(std::move(path)), session_path_(path_ + "/session.json"), mark_(random_mark()) {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) {
    throw runtime::Failure("--state-dir: cannot make " + path_ + ": " + error.message());
  }
  const std::string file = path_ + "/lock";
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is open's signature
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    throw runtime::Failure("--state-dir: cannot open " + file + ": " + std::strerror(errno));
  }
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    throw runtime::Failure("--state-dir: another job-executor uses " + path_ +
                           "; each needs a directory of its own");
  }
  read_predecessor();
}

StateDirectory::~StateDirectory() {
  writer_.join();
  ::close(lock_);
}

void StateDirectory::read_predecessor() {
  std::ifstream file(session_path_, std::ios::binary);
  if (!file) return;
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const json document = json::parse(text, nullptr, false);
  Predecessor found;
  std::optional<std::string> password;
  if (document.is_object()) {
    const auto id = document.find("session");
    const auto mark = document.find("mark");
    const auto secret = document.find("password");
    if (id != document.end() && id->is_number_integer()) found.session.id = id->get<std::int64_t>();
    if (mark != document.end() && mark->is_string()) found.mark = mark->get<std::string>();
    if (secret != document.end() && secret->is_string()) {
      password = unhex(secret->get<std::string>());
    }
  }
  if (found.session.id == 0 || found.mark.empty() || !password) {
    telemetry::warning(
        "what an executor has left here cannot be read; its locks go with its "
        "session's timeout",
        {{"file", session_path_}});
    return;
  }
  found.session.password = std::move(*password);
  predecessor_ = std::move(found);
}

void StateDirectory::note_session(const zookeeper::SessionCredentials& session) {
  std::string text;
  if (session.id != 0) {
    json document;
    document["session"] = session.id;
    document["password"] = hex(session.password);
    document["mark"] = mark_;
    text = document.dump(2) + "\n";
  }
  asio::post(writer_, [path = session_path_, text = std::move(text)] {
    const std::string why = text.empty() ? "" : replace_file(path, text);
    // Better nothing than a session that is not ours any more.
    if (text.empty() || !why.empty()) ::unlink(path.c_str());
    if (why.empty()) return;
    telemetry::warning(
        "the state directory cannot be written; after a crash the locks of this "
        "executor stay for the session's timeout",
        {{"file", path}, {"error", why}});
  });
}

awaitable<bool> bury(asio::io_context& loop, Predecessor predecessor,
                     zookeeper::SessionOptions servers, runtime::TimePoint deadline) {
  std::string mark = predecessor.mark;
  const bool alone = co_await end_left_behind(std::move(mark), deadline);
  if (!alone) {
    telemetry::warning(
        "processes of an executor that was here before cannot be killed; its locks "
        "go with its session's timeout");
    co_return false;
  }
  bool ended = false;
  try {
    ended = co_await zookeeper::end_session(loop, std::move(servers),
                                            std::move(predecessor.session), deadline);
  } catch (const runtime::Failure& failure) {
    telemetry::warning("the session of an executor that was here before cannot be ended",
                       {{"error", failure.what()}});
  }
  if (ended) telemetry::info("the locks of the executor that was here before are given up");
  co_return ended;
}

}  // namespace jobengine::executor
