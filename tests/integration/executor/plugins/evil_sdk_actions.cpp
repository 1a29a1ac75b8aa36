// Actions that misbehave by way of the SDK.
#include <jobengine/action.hpp>
#include <memory>
#include <string>
#include <vector>

namespace {

class ThrowInt final : public jobengine::Action {
 public:
  std::string name() const override { return "evil_throw_int"; }
  std::string description() const override { return "throws what is no exception"; }
  int run(jobengine::Job&) override { throw 42; }
};

class Allocate final : public jobengine::Action {
 public:
  std::string name() const override { return "evil_allocate"; }
  std::string description() const override { return "takes memory without end"; }
  int run(jobengine::Job&) override {
    std::vector<std::unique_ptr<std::string>> taken;
    for (;;) taken.push_back(std::make_unique<std::string>(1UL << 20, 'x'));
  }
};

}  // namespace

JE_EXPORT_ACTIONS(ThrowInt, Allocate);
