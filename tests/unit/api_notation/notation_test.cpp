#include "api/notation/notation.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <limits>
#include <optional>
#include <random>

namespace jobengine::api::notation {
namespace {

using nlohmann::json;

// What the library says: its value, or nothing.
std::optional<json> by_library(std::string_view text) {
  auto value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

bool same_type(const json& one, const json& other) {
  if (one.type() != other.type() || one.size() != other.size()) return false;
  if (!one.is_structured()) return true;
  return std::equal(one.begin(), one.end(), other.begin(), same_type);
}

void check_parsed(const std::string& text) {
  INFO(text);
  const auto expected = by_library(text);
  const auto found = parsed_or_discarded(text);
  REQUIRE(found.is_discarded() != expected.has_value());
  if (!expected) {
    CHECK_THROWS_AS(parsed(text), json::exception);
    return;
  }
  CHECK(found == *expected);
  CHECK(same_type(found, *expected));
  CHECK(parsed(text) == *expected);
}

void check_written(const json& value) {
  const auto ascii = value.dump(-1, ' ', true, json::error_handler_t::replace);
  CHECK(written_in_ascii(value) == ascii);
  std::optional<std::string> expected;
  try {
    expected = value.dump();
  } catch (const json::type_error&) {
  }
  if (!expected) {
    CHECK_THROWS_AS(written(value), json::type_error);
    return;
  }
  CHECK(written(value) == *expected);
  if (is_ascii(*expected)) CHECK(*expected == ascii);
}

// Texts and values made of what JSON is made of, right and wrong.
class Made {
 public:
  std::string text() {
    static constexpr std::array<const char*, 44> parts = {"{",
                                                          "}",
                                                          "[",
                                                          "]",
                                                          ",",
                                                          ":",
                                                          "\"",
                                                          "\"a\"",
                                                          "\"b\":",
                                                          "1",
                                                          "-1",
                                                          "0",
                                                          "-0",
                                                          "01",
                                                          "1.5",
                                                          "1e3",
                                                          "-",
                                                          "+1",
                                                          ".5",
                                                          "true",
                                                          "false",
                                                          "null",
                                                          "nul",
                                                          " ",
                                                          "\n",
                                                          "\t",
                                                          "\\",
                                                          "\\n",
                                                          "\\u",
                                                          "\\u00e9",
                                                          "é",
                                                          "\"\\\"\"",
                                                          "\x01",
                                                          "\x7f",
                                                          "\xff",
                                                          "\"\\/\"",
                                                          "1.0E2",
                                                          "9999999999999999999999",
                                                          "123456789012345678",
                                                          "1234567890123456789",
                                                          "18446744073709551615",
                                                          "-9223372036854775808",
                                                          "-9223372036854775809",
                                                          "1."};
    std::string made;
    for (auto left = random_() % 8 + 1; left > 0; --left) made += parts[random_() % parts.size()];
    return made;
  }

  json value(int depth = 0) {
    switch (random_() % (depth > 3 ? 7 : 9)) {
      case 0:
        return nullptr;
      case 1:
        return random_() % 2 == 0;
      case 2:
        return static_cast<std::int64_t>(random_()) - 2'000'000'000;
      case 3:
        return std::numeric_limits<std::uint64_t>::max() - random_() % 3;
      case 4:
        return static_cast<double>(random_()) / 7;
      case 5:
      case 6:
        return string();
      case 7: {
        json list = json::array();
        for (auto left = random_() % 4; left > 0; --left) list.push_back(value(depth + 1));
        return list;
      }
      default: {
        json map = json::object();
        for (auto left = random_() % 4; left > 0; --left) map[string()] = value(depth + 1);
        return map;
      }
    }
  }

 private:
  std::string string() {
    std::string made;
    for (auto left = random_() % 6; left > 0; --left) {
      made += random_() % 5 == 0 ? std::string("é€\U0001F600\x7f")
                                 : std::string(1, static_cast<char>(random_() % 128));
    }
    return made;
  }

  std::mt19937 random_{20240607};
};

TEST_CASE("notation: a text is read as the library reads it", "[api]") {
  for (const char* text : {"",
                           " ",
                           "{}",
                           "[]",
                           "{\"a\":1}",
                           " { \"a\" : [ 1 , -2 , 3.5 ] } ",
                           "{\"a\":1,\"a\":2}",
                           "{\"b\":1,\"a\":2}",
                           "{\"a\":1,}",
                           "[1,]",
                           "[1 2]",
                           "{\"a\" 1}",
                           "{a:1}",
                           "[1]x",
                           "\"\\u0041\"",
                           "\"\\ud83d\\ude00\"",
                           "\"\\ud83d\"",
                           "\"\\ude80\"",
                           "\"\\ud66d\\ude80\"",
                           "{\"\\ude80\":1}",
                           "\"\\ud66d\"",
                           "\"é\"",
                           "\"\xc3\"",
                           "\"a\nb\"",
                           "\"\\q\"",
                           "\"open",
                           "\"\\",
                           "-",
                           "-a",
                           "00",
                           "-01",
                           "1.",
                           "1e",
                           "1e400",
                           "0.1",
                           "-0",
                           "-0.0",
                           "true",
                           "truey",
                           "tru",
                           "\xEF\xBB\xBF{}",
                           "{\"payload\":\"{\\\"duration\\\": 0.0}\"}"}) {
    check_parsed(text);
  }
  check_parsed(std::string("[1\0]", 4));
  check_parsed(std::string("[1]\0", 4));
  check_parsed(std::string("{}\0 {}", 6));
  check_parsed(std::string(60, '[') + std::string(60, ']'));
}

TEST_CASE("notation: texts of all kinds of pieces are read as the library reads them", "[api]") {
  Made made;
  for (int i = 0; i < 20000; ++i) check_parsed(made.text());
}

TEST_CASE("notation: what is written is read again", "[api]") {
  Made made;
  for (int i = 0; i < 5000; ++i) {
    const auto value = made.value();
    check_written(value);
    check_parsed(value.dump());
    check_parsed(value.dump(2));
  }
}

TEST_CASE("notation: every character is written as the library writes it", "[api]") {
  for (int c = 0; c < 256; ++c) {
    const std::string text = "a" + std::string(1, static_cast<char>(c)) + "b";
    check_written(text);
    check_written(json{{text, 1}});
  }
}

TEST_CASE("notation: numbers, and what is no text at all, are written as by the library", "[api]") {
  check_written(json{1.0, 1e300, -0.0, 0.1, std::numeric_limits<double>::infinity(), INT64_MIN,
                     UINT64_MAX, INT64_MAX});
  check_written(json::binary({1, 2, 3}));
  check_written(json(json::value_t::discarded));
}

}  // namespace
}  // namespace jobengine::api::notation
