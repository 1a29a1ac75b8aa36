// How a fuzz target says that a promise was broken: libFuzzer keeps the input of what aborts.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace jobengine::fuzz {

[[noreturn]] inline void broken(std::string_view promise, std::string_view detail) {
  std::fprintf(stderr, "broken promise: %.*s\n%.*s\n", static_cast<int>(promise.size()),
               promise.data(), static_cast<int>(detail.size()), detail.data());
  std::abort();
}

inline void must_hold(bool holds, std::string_view promise, std::string_view detail = {}) {
  if (!holds) broken(promise, detail);
}

}  // namespace jobengine::fuzz
