// Sanitizers keep freed memory and map shadows of it: what is resident says nothing then.
#pragma once

namespace jobengine::tests {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized_build = true;
#elif defined(__has_feature)
inline constexpr bool sanitized_build =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool sanitized_build = false;
#endif

}  // namespace jobengine::tests
