// The client of an event stream, played by a test on the same loop.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "api/http/response.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::tests {

// Keeps what it is sent; takes nothing while it is told to wait, like a client that does not read.
class PlayedClient : public api::http::BodyStream {
 public:
  awaitable<bool> send(std::string bytes) override {
    while (waiting_ && !over_.raised()) {
      go_on_.reset();
      co_await runtime::Event::wait_either(go_on_, over_, runtime::TimePoint::max());
    }
    received_ += bytes;
    largest_ = std::max(largest_, bytes.size());
    arrived_.raise();
    co_return !over_.raised();
  }
  runtime::Event& over() override { return over_; }

  void stop_reading() { waiting_ = true; }
  void read_on() {
    waiting_ = false;
    go_on_.raise();
  }
  // Everything received, once it holds that text so many times.
  awaitable<std::string> received(std::string text, std::size_t times = 1) {
    const auto deadline = runtime::Clock::now() + std::chrono::seconds(30);
    while (count(received_, text) < times && runtime::Clock::now() < deadline) {
      arrived_.reset();
      co_await arrived_.wait_until(deadline);
    }
    INFO("waited for: " << text << " in " << received_);
    CHECK(count(received_, text) >= times);
    co_return received_;
  }
  // The most bytes it was sent at once.
  std::size_t largest() const { return largest_; }
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  }

 private:
  bool waiting_ = false;
  std::string received_;
  std::size_t largest_ = 0;
  runtime::Event over_;
  runtime::Event arrived_;
  runtime::Event go_on_;
};

}  // namespace jobengine::tests
