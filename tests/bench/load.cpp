#include "tests/bench/load.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fstream>
#include <sstream>

#include "common/runtime/failure.hpp"

namespace jobengine::bench {
namespace {

namespace wire = boost::beast::http;
using asio::ip::tcp;

// What the connections share; all on one loop.
struct Run {
  explicit Run(const Load& wanted) : load(wanted) {}

  const Load& load;
  LoadResult result;
  runtime::TimePoint begun = runtime::Clock::now();
  std::size_t sent = 0;
  std::exception_ptr failure;

  bool goes_on() const {
    if (failure || (load.most_requests > 0 && sent >= load.most_requests)) return false;
    return runtime::Clock::now() - begun < load.length;
  }

  runtime::TimePoint due(std::size_t n) const {
    if (load.per_second <= 0) return begun;
    const std::chrono::duration<double> later(static_cast<double>(n) / load.per_second);
    return begun + std::chrono::duration_cast<runtime::Duration>(later);
  }
};

awaitable<void> keep_asking(asio::io_context& loop, Run& run) {
  tcp::socket socket(loop);
  const tcp::endpoint server(asio::ip::address_v4::loopback(), run.load.port);
  co_await socket.async_connect(server, use_awaitable);
  socket.set_option(tcp::no_delay(true));
  boost::beast::flat_buffer buffer;
  asio::steady_timer clock(loop);
  while (run.goes_on()) {
    const std::size_t number = run.sent++;
    clock.expires_at(run.due(number));
    if (run.load.per_second > 0) co_await clock.async_wait(use_awaitable);
    const std::string request = run.load.request(number);
    const auto asked = runtime::Clock::now();
    const auto bytes = asio::buffer(request);
    co_await asio::async_write(socket, bytes, use_awaitable);
    wire::response_parser<wire::string_body> parser;
    parser.body_limit(1024UL * 1024 * 1024);
    co_await wire::async_read(socket, buffer, parser, use_awaitable);
    const std::chrono::duration<double, std::milli> took = runtime::Clock::now() - asked;
    run.result.milliseconds.push_back(took.count());
    ++run.result.answered;
    auto& answer = parser.get();
    if (answer.result_int() >= 400 && ++run.result.refused == 1) {
      run.result.first_refusal = answer.body();
    }
    run.result.last_body = std::move(answer.body());
  }
}

}  // namespace

double LoadResult::quantile(double q) const {
  if (milliseconds.empty()) return 0;
  const auto last = static_cast<double>(milliseconds.size() - 1);
  return milliseconds[static_cast<std::size_t>(q * last)];
}

LoadResult run_load(const Load& load) {
  asio::io_context loop(1);
  Run run(load);
  for (int i = 0; i < load.connections; ++i) {
    asio::co_spawn(loop, keep_asking(loop, run), [&run](const std::exception_ptr& ended_with) {
      if (ended_with) run.failure = ended_with;
    });
  }
  loop.run();
  if (run.failure) std::rethrow_exception(run.failure);
  const std::chrono::duration<double> took = runtime::Clock::now() - run.begun;
  run.result.seconds = took.count();
  std::sort(run.result.milliseconds.begin(), run.result.milliseconds.end());
  return std::move(run.result);
}

std::string request_text(const std::string& method, const std::string& target,
                         const std::string& body) {
  std::string text = method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" +
                     "nuvla-authn-info: internal group/nuvla-admin group/nuvla-admin\r\n";
  if (!body.empty()) {
    text +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return text + "\r\n" + body;
}

double cpu_seconds(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::stringstream text;
  text << file.rdbuf();
  // The name in parentheses may hold blanks; user and system time are the 12th and 13th field
  // behind it.
  std::istringstream fields(text.str().substr(text.str().rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

long resident_kb(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

}  // namespace jobengine::bench
