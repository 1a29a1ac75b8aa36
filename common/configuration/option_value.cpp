#include "common/configuration/option_value.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "common/runtime/failure.hpp"

namespace jobengine::configuration {

namespace {

char lower(char letter) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
}

bool same_but_for_case(std::string_view first, std::string_view second) {
  return std::equal(first.begin(), first.end(), second.begin(), second.end(),
                    [](char one, char other) { return lower(one) == lower(other); });
}

std::optional<bool> parse_flag(std::string_view text) {
  for (std::string_view yes : {"true", "yes", "1", "on"}) {
    if (same_but_for_case(text, yes)) return true;
  }
  for (std::string_view no : {"false", "no", "0", "off"}) {
    if (same_but_for_case(text, no)) return false;
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(const OptionDeclaration& option, std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size() && !text.empty();
  if (!whole || number < option.least.value_or(number) || number > option.most.value_or(number)) {
    return std::nullopt;
  }
  return number;
}

std::optional<std::string> parse_text(const OptionDeclaration& option, const std::string& text) {
  if (option.one_of.empty()) return text;
  for (const std::string& allowed : option.one_of) {
    if (same_but_for_case(allowed, text)) return allowed;
  }
  return std::nullopt;
}

}  // namespace

std::string environment_name(const OptionDeclaration& option) {
  if (option.environment == "-" || option.kind == OptionKind::Document) return {};
  if (!option.environment.empty()) return option.environment;
  std::string name = "JOB_";
  for (char letter : option.name) {
    name +=
        letter == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  }
  return name;
}

std::string expectation(const OptionDeclaration& option) {
  switch (option.kind) {
    case OptionKind::Text: {
      if (option.one_of.empty()) return "a text";
      std::string all = "one of ";
      for (const std::string& allowed : option.one_of) {
        all += (allowed == option.one_of.front() ? "" : ", ") + allowed;
      }
      return all;
    }
    case OptionKind::Integer: {
      std::string range = "a whole number";
      if (option.least && option.most) {
        return range + " from " + std::to_string(*option.least) + " to " +
               std::to_string(*option.most);
      }
      if (option.least) return range + ", at least " + std::to_string(*option.least);
      if (option.most) return range + ", at most " + std::to_string(*option.most);
      return range;
    }
    case OptionKind::Duration:
      return "a duration like 250ms, 90s, 5m, 2h or 1d";
    case OptionKind::Flag:
      return "true or false";
    case OptionKind::TextList:
      return "one or more values";
    case OptionKind::Document:
      return "a map or a list in the configuration file";
  }
  return {};
}

Settings::Value value_of(const OptionDeclaration& option, const std::vector<std::string>& texts,
                         const Source& source) {
  Settings::Value value;
  value.kind = option.kind;
  value.given = true;
  value.origin = source.origin;
  JE_CHECK(!texts.empty() || option.kind == OptionKind::TextList, "a value has a text");
  const std::string last = texts.empty() ? std::string() : texts.back();
  bool good = true;
  switch (option.kind) {
    case OptionKind::Text: {
      const auto text = parse_text(option, last);
      good = text.has_value();
      value.text = text.value_or("");
      break;
    }
    case OptionKind::Integer: {
      const auto number = parse_integer(option, last);
      good = number.has_value();
      value.integer = number.value_or(0);
      break;
    }
    case OptionKind::Duration: {
      const auto duration = parse_duration(last);
      good = duration.has_value();
      value.duration = duration.value_or(std::chrono::milliseconds(0));
      break;
    }
    case OptionKind::Flag: {
      const auto flag = parse_flag(last);
      good = flag.has_value();
      value.flag = flag.value_or(false);
      break;
    }
    case OptionKind::TextList:
      value.list = texts;
      break;
    case OptionKind::Document:
      JE_CHECK(false, "documents are read from the file only");
  }
  if (!good) {
    const std::string shown = option.secret ? "the value (not shown)" : "\"" + last + "\"";
    throw UsageError(source.place + ": " + shown + " is not accepted; expected " +
                     expectation(option));
  }
  return value;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> elements;
  while (!text.empty()) {
    const auto end = text.find_first_of(", \t\n");
    if (end != 0) elements.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return elements;
}

}  // namespace jobengine::configuration
