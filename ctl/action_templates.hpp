// The files of actions/sdk/template, compiled into jobctl so that it works wherever it is copied.
#pragma once

#include <span>
#include <string_view>

namespace jobengine::ctl {

struct ActionTemplate {
  std::string_view path;  // "cpp/CMakeLists.txt"; may hold fields, as the text does
  std::string_view text;  // with the fields @action@ and @Class@
  bool executable = false;
};

std::span<const ActionTemplate> action_templates();

}  // namespace jobengine::ctl
