#include "common/cimi/search.hpp"

#include "common/runtime/failure.hpp"

namespace jobengine::cimi {

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char letter : text) {
    if (plain.find(letter) != std::string_view::npos) {
      encoded += letter;
      continue;
    }
    const auto byte = static_cast<unsigned char>(letter);
    encoded += '%';
    encoded += digits[byte >> 4U];
    encoded += digits[byte & 0x0fU];
  }
  return encoded;
}

std::string form(const Search& search) {
  std::string encoded;
  const auto part = [&encoded](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    if (!encoded.empty()) encoded += '&';
    encoded.append(name).append("=").append(percent_encoded(value));
  };
  part("filter", search.filter);
  part("orderby", search.orderby);
  std::string select;
  for (const std::string& attribute : search.select) {
    select += (select.empty() ? "" : ",") + attribute;
  }
  part("select", select);
  if (search.first) part("first", std::to_string(*search.first));
  if (search.last) part("last", std::to_string(*search.last));
  return encoded;
}

std::string quoted(std::string_view text) {
  const bool single = text.find('\'') != std::string_view::npos;
  const bool twice = text.find('"') != std::string_view::npos;
  if (single && twice) {
    throw runtime::Failure("a filter cannot hold a text with both kinds of quotes: " +
                           std::string(text));
  }
  const char quote = single ? '"' : '\'';
  return quote + std::string(text) + quote;
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) list += (list.size() > 1 ? ", " : "") + quoted(text);
  return list + "]";
}

}  // namespace jobengine::cimi
