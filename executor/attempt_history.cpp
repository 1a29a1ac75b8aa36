#include "executor/attempt_history.hpp"

#include <algorithm>

namespace jobengine::executor {

namespace {

// More would fill the message with what says nothing new.
constexpr std::int32_t most_told = 20;

std::string told(const queue::AttemptNote& note) {
  std::string text = note.executor.empty() ? "taker " + note.taker : "executor " + note.executor;
  if (note.began) text += ", began " + queue::rfc3339(*note.began);
  if (note.ended) text += ", ended " + queue::rfc3339(*note.ended) + ": " + note.how;
  if (!note.ended) text += ", died";
  return text;
}

}  // namespace

std::string attempt_history(const queue::AttemptRecord& record, std::int32_t attempt,
                            std::int32_t died) {
  std::string text = "Given up: " + std::to_string(died) +
                     " attempts died, or lost their lock, before they had an outcome";
  const std::int32_t first = std::max(1, attempt - most_told);
  for (std::int32_t number = first; number < attempt; ++number) {
    const auto note =
        std::find_if(record.attempts.begin(), record.attempts.end(),
                     [&](const queue::AttemptNote& one) { return one.attempt == number; });
    // The first attempt writes nothing down when it begins: most jobs need no second one.
    const bool known = note != record.attempts.end();
    text += "\nAttempt " + std::to_string(number) + ": ";
    text += known ? told(*note) : "died, and left no note";
  }
  return text;
}

}  // namespace jobengine::executor
