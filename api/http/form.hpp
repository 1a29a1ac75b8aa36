// Percent-encoding and application/x-www-form-urlencoded, read strictly. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jobengine::api::http {

enum class PlusSign { Itself, Blank };

// Nothing for a '%' without two hex digits, or for bytes that are no UTF-8.
std::optional<std::string> percent_decoded(std::string_view text, PlusSign plus);

// Parameters of a query string or a form, in order; a name may repeat.
class Parameters {
 public:
  // Reads "a=1&b=2" and appends it; false when it is malformed (nothing is appended then).
  bool append(std::string_view encoded);

  bool has(std::string_view name) const;
  // All values of that name, in order.
  std::vector<std::string> all(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& list() const { return list_; }

 private:
  std::vector<std::pair<std::string, std::string>> list_;
};

// True for well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

}  // namespace jobengine::api::http
