#include "common/json_schema/pattern.hpp"

#include <re2/re2.h>

namespace jobengine::json_schema {
namespace {

// Of compiled patterns and what they remember while they run.
constexpr std::int64_t most_memory = 1024 * 1024;

RE2::Options quiet() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(most_memory);
  return options;
}

}  // namespace

struct Pattern::Expression {
  explicit Expression(const std::string& text) : compiled(text, quiet()) {}
  RE2 compiled;
};

Pattern::Pattern(const std::string& expression)
    : expression_(std::make_unique<const Expression>(expression)) {}
Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;

std::string Pattern::error() const {
  return expression_->compiled.ok() ? std::string() : expression_->compiled.error();
}

bool Pattern::occurs_in(std::string_view text) const {
  return RE2::PartialMatch({text.data(), text.size()}, expression_->compiled);
}

}  // namespace jobengine::json_schema
