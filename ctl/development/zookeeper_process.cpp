#include "ctl/development/zookeeper_process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/runtime/failure.hpp"
#include "ctl/development/free_port.hpp"

namespace jobengine::development {

namespace {

using asio::ip::tcp;

constexpr const char* jar = "/usr/share/java/zookeeper.jar";  // its manifest names what it needs

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  if (!file.flush()) throw runtime::Failure("cannot write " + path.string());
}

std::string end_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream all;
  all << file.rdbuf();
  const std::string text = all.str();
  constexpr std::size_t shown = 2000;
  return text.size() > shown ? text.substr(text.size() - shown) : text;
}

std::string server_configuration(const ZooKeeperOptions& options, std::uint16_t port) {
  std::ostringstream text;
  text << "tickTime=" << options.tick.count() << "\n"
       << "dataDir=" << options.directory << "/data\n"
       << "clientPort=" << port << "\n"
       << "clientPortAddress=127.0.0.1\n"
       << "maxClientCnxns=0\n"
       << "admin.enableServer=false\n"
       << "4lw.commands.whitelist=ruok,srvr,mntr,cons,wchs\n";
  return text.str();
}

// The server itself says nothing of a port it cannot have.
void expect_free(asio::io_context& loop, std::uint16_t port) {
  tcp::acceptor probe(loop);
  boost::system::error_code error;
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  probe.open(endpoint.protocol(), error);
  if (!error) probe.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) probe.bind(endpoint, error);
  if (!error) probe.listen(1, error);
  if (!error) return;
  throw runtime::Failure("ZooKeeper cannot serve on 127.0.0.1:" + std::to_string(port) + ": " +
                         error.message());
}

// "ruok" answered with "imok" means it serves.
awaitable<bool> serves(std::uint16_t port) {
  auto loop = co_await asio::this_coro::executor;
  tcp::socket socket(loop);
  boost::system::error_code error;
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  co_await socket.async_connect(endpoint, asio::redirect_error(use_awaitable, error));
  if (error) co_return false;
  const std::string question = "ruok";
  const auto out = asio::buffer(question);
  co_await asio::async_write(socket, out, asio::redirect_error(use_awaitable, error));
  if (error) co_return false;
  std::string answer(4, '\0');
  const auto in = asio::buffer(answer);
  co_await asio::async_read(socket, in, asio::redirect_error(use_awaitable, error));
  co_return !error && answer == "imok";
}

runtime::ChildProcess spawn_server(asio::io_context& loop, const std::filesystem::path& directory) {
  const std::string log = (directory / "zookeeper.log").string();
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (out < 0) throw runtime::Failure("cannot write " + log);
  runtime::SpawnRequest request;
  // The serial collector and the quick compiler: a small server that is up in a second.
  request.argv = {"java",
                  "-Xmx512m",
                  "-XX:+UseSerialGC",
                  "-XX:TieredStopAtLevel=1",
                  "-Dzookeeper.jmx.log4j.disable=true",
                  "-Dlog4j.configuration=file:" + (directory / "log4j.properties").string(),
                  "-cp",
                  jar,
                  "org.apache.zookeeper.server.ZooKeeperServerMain",
                  (directory / "zoo.cfg").string()};
  request.descriptors = {{out, 1}, {out, 2}};
  request.new_session = true;
  request.parent_death_signal = SIGKILL;
  try {
    auto process = runtime::ChildProcess::spawn(loop, request);
    ::close(out);
    return process;
  } catch (...) {
    ::close(out);
    throw;
  }
}

}  // namespace

awaitable<ZooKeeperProcess> ZooKeeperProcess::start(ZooKeeperOptions options) {
  namespace fs = std::filesystem;
  if (!fs::exists(jar)) {
    throw runtime::Failure(std::string("ZooKeeper is not installed: ") + jar +
                           " is missing (Debian package libzookeeper-java)");
  }
  auto executor = co_await asio::this_coro::executor;
  auto& loop = static_cast<asio::io_context&>(asio::query(executor, asio::execution::context));
  if (options.port != 0) expect_free(loop, options.port);
  const fs::path directory = fs::absolute(options.directory);
  options.directory = directory.string();
  fs::create_directories(directory / "data");
  write_file(directory / "log4j.properties",
             "log4j.rootLogger=WARN, out\n"
             "log4j.appender.out=org.apache.log4j.ConsoleAppender\n"
             "log4j.appender.out.layout=org.apache.log4j.PatternLayout\n"
             "log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %-5p %c{1} %m%n\n");

  constexpr int port_attempts =
      5;  // a free port may be taken by somebody else before the server has it
  const auto deadline = runtime::Clock::now() + std::chrono::minutes(1);
  for (int attempt = 1;; ++attempt) {
    const std::uint16_t port = options.port != 0 ? options.port : free_port();
    write_file(directory / "zoo.cfg", server_configuration(options, port));
    runtime::ChildProcess process = spawn_server(loop, directory);
    while (!process.exited().raised() && runtime::Clock::now() < deadline) {
      const bool ready = co_await serves(port);
      if (ready) co_return ZooKeeperProcess(std::move(process), port);
      co_await process.exited().wait_for(std::chrono::milliseconds(25));
    }
    const bool may_retry = process.exited().raised() && options.port == 0;
    if (!may_retry || attempt == port_attempts) {
      throw runtime::Failure("ZooKeeper does not serve on port " + std::to_string(port) +
                             "; end of its log:\n" + end_of(directory / "zookeeper.log"));
    }
  }
}

awaitable<void> ZooKeeperProcess::stop() {
  co_await process_.stop(std::chrono::seconds(5));
}

}  // namespace jobengine::development
