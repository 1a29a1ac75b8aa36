// How job-api refuses to start.
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "common/runtime/child_process.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {
namespace {

struct Ended {
  int code = -1;
  std::string text;  // stderr
};

Ended run_job_api(std::vector<std::string> arguments, const std::string& password) {
  const TemporaryDirectory directory;
  const auto log = (directory.path() / "stderr").string();
  Ended result;
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    runtime::SpawnRequest request;
    request.argv = {program_path("job-api"), "--log-format", "text"};
    request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
    request.environment = std::vector<std::string>{};
    if (!password.empty()) request.environment = {"JOB_API_ADMIN_PASSWORD=" + password};
    request.working_directory = directory.path().string();
    const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    request.descriptors = {{file, 2}};
    auto process = runtime::ChildProcess::spawn(loop, request);
    ::close(file);
    co_await process.exited().wait();
    result.code = process.status().code;
  };
  run_on_loop(body, std::chrono::seconds(180));
  std::ostringstream text;
  text << std::ifstream(log).rdbuf();
  result.text = text.str();
  return result;
}

bool says(const Ended& ended, const std::string& part) {
  return ended.text.find(part) != std::string::npos;
}

TEST_CASE("job-api: a port in use is an error that names it", "[api]") {
  const ApiServer server;
  const auto place = "127.0.0.1:" + std::to_string(server.port());
  const auto ended = run_job_api({"--listen", place}, "secret");
  INFO(ended.text);
  CHECK(ended.code == 1);
  CHECK(says(ended, "cannot listen on " + place + ": Address already in use"));
}

TEST_CASE("job-api: a database that cannot be opened is an error that names it", "[api]") {
  const auto ended =
      run_job_api({"--listen", "127.0.0.1:0", "--database", "missing/folder/x.sqlite"}, "secret");
  INFO(ended.text);
  CHECK(ended.code == 1);
  CHECK(says(ended, "missing/folder/x.sqlite"));
}

TEST_CASE("job-api: a file that is no database is an error that names it", "[api]") {
  const TemporaryDirectory directory;
  const auto file = directory.file("x.sqlite", std::string(4096, 'x'));
  const auto ended = run_job_api({"--listen", "127.0.0.1:0", "--database", file}, "secret");
  INFO(ended.text);
  CHECK(ended.code == 1);
  CHECK(says(ended, file));
}

TEST_CASE("job-api: the first start wants a password for the administrator", "[api]") {
  const auto ended = run_job_api({"--listen", "127.0.0.1:0"}, "");
  INFO(ended.text);
  CHECK(ended.code == 2);
  CHECK(says(ended, "JOB_API_ADMIN_PASSWORD"));
  CHECK(says(ended, "--admin-password-file"));
}

TEST_CASE("job-api: wrong options and values are usage errors", "[api]") {
  const std::vector<std::vector<std::string>> wrong = {
      {"--no-such-option"},           {"--listen", "8200"},        {"--listen", "127.0.0.1:99999"},
      {"--zk-hosts", "host:port"},    {"--queue-capacity", "0"},   {"--threads", "many"},
      {"--session-lifetime", "long"}, {"--session-lifetime", "0"}, {"stray-argument"},
  };
  for (const auto& arguments : wrong) {
    const auto ended = run_job_api(arguments, "secret");
    INFO(arguments.front() << ": " << ended.text);
    CHECK(ended.code == 2);
    CHECK(says(ended, "job-api: "));
  }
}

TEST_CASE("job-api: an address to listen on that is none is a usage error that names it", "[api]") {
  const auto ended = run_job_api({"--listen", "nowhere.invalid:0"}, "secret");
  INFO(ended.text);
  CHECK(ended.code == 2);
  CHECK(says(ended, "\"nowhere.invalid\" is no IP address"));
}

TEST_CASE("job-api: a certificate without its key, and the reverse, are usage errors", "[api]") {
  const auto keyless = run_job_api({"--tls-cert", "cert.pem"}, "secret");
  CHECK(keyless.code == 2);
  CHECK(says(keyless, "--tls-cert needs --tls-key FILE"));
  const auto bare = run_job_api({"--tls-key", "key.pem"}, "secret");
  CHECK(bare.code == 2);
  CHECK(says(bare, "--tls-key needs --tls-cert FILE"));
}

TEST_CASE("job-api: a certificate that cannot be read is an error that names it", "[api]") {
  const auto ended = run_job_api(
      {"--listen", "127.0.0.1:0", "--tls-cert", "none/cert.pem", "--tls-key", "none/key.pem"},
      "secret");
  INFO(ended.text);
  CHECK(ended.code == 1);
  CHECK(
      says(ended, "cannot read the file of --tls-cert, none/cert.pem: No such file or directory"));
}

}  // namespace
}  // namespace jobengine::tests
