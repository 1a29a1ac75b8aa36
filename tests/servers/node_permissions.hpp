// What everybody may do with a node, as an operator would set it with the server's own shell.
#pragma once

#include <cstdint>
#include <string>

#include "common/runtime/asio.hpp"

namespace jobengine::tests {

enum class Permissions : std::int32_t {
  All = 31,
  AllButWrite = 29,  // of its data; children may be made and removed
};

// `path`: with the chroot. Throws runtime::Failure when the server refuses.
awaitable<void> permit(std::uint16_t port, std::string path, Permissions permissions);

}  // namespace jobengine::tests
