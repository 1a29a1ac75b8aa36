// Why a running action has to stop; given once, by whoever finds out first.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "common/runtime/event.hpp"
#include "executor/run_outcome.hpp"

namespace jobengine::executor {

// Lives on the loop.
class StopOrder {
 public:
  // The first order stays, except that a lost lease overrides all: nothing may be written then.
  void give(ActionEnd::Kind why, std::string message) {
    if (why_ && why != ActionEnd::Kind::LeaseLost) return;
    why_ = why;
    message_ = std::move(message);
    given_.raise();
  }
  runtime::Event& given() { return given_; }
  const std::optional<ActionEnd::Kind>& why() const { return why_; }
  const std::string& message() const { return message_; }

 private:
  std::optional<ActionEnd::Kind> why_;
  std::string message_;
  runtime::Event given_;
};

}  // namespace jobengine::executor
