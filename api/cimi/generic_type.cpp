#include "api/cimi/generic_type.hpp"

namespace jobengine::api::cimi {

const GenericOperation* GenericType::operation(std::string_view operation_name) const {
  for (const auto& one : operations) {
    if (one.name == operation_name) return &one;
  }
  return nullptr;
}

const GenericHook* GenericType::hook(std::string_view action, GenericEnd end) const {
  for (const auto& one : operations) {
    if (one.action.empty() || one.action != action) continue;
    const auto found = one.hooks.find(end);
    if (found != one.hooks.end()) return &found->second;
  }
  return nullptr;
}

const GenericType* GenericTypes::find(std::string_view name) const {
  for (const auto& one : types_) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

const GenericType* GenericTypes::of(std::string_view id) const {
  const auto slash = id.find('/');
  return slash == std::string_view::npos ? nullptr : find(id.substr(0, slash));
}

}  // namespace jobengine::api::cimi
