#include "common/configuration/option_value.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::configuration {

Settings::Settings(std::map<std::string, Value, std::less<>> values) : values_(std::move(values)) {}
Settings::Settings(Settings&&) noexcept = default;
Settings::~Settings() = default;

const Settings::Value& Settings::at(std::string_view name, OptionKind kind) const {
  const auto found = values_.find(name);
  JE_CHECK(found != values_.end(), "an option that is asked for was declared");
  JE_CHECK(found->second.kind == kind, "an option is asked for as the kind it was declared with");
  return found->second;
}

const std::string& Settings::text(std::string_view name) const {
  return at(name, OptionKind::Text).text;
}
std::int64_t Settings::integer(std::string_view name) const {
  return at(name, OptionKind::Integer).integer;
}
std::chrono::milliseconds Settings::duration(std::string_view name) const {
  return at(name, OptionKind::Duration).duration;
}
bool Settings::flag(std::string_view name) const {
  return at(name, OptionKind::Flag).flag;
}
const std::vector<std::string>& Settings::list(std::string_view name) const {
  return at(name, OptionKind::TextList).list;
}
std::optional<YamlNode> Settings::document(std::string_view name) const {
  return at(name, OptionKind::Document).document;
}

bool Settings::given(std::string_view name) const {
  const auto found = values_.find(name);
  JE_CHECK(found != values_.end(), "an option that is asked for was declared");
  return found->second.given;
}

const std::string& Settings::origin(std::string_view name) const {
  const auto found = values_.find(name);
  JE_CHECK(found != values_.end(), "an option that is asked for was declared");
  return found->second.origin;
}

}  // namespace jobengine::configuration
