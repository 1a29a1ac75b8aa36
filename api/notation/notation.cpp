#include "api/notation/notation.hpp"

#include <rapidjson/error/error.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <charconv>
#include <vector>

namespace jobengine::api::notation {
namespace {

using nlohmann::json;
using rapidjson::SizeType;

// RapidJSON recurses; what is nested deeper is left to the library.
constexpr std::size_t deepest = 64;

// Half a surrogate pair (1.1.0 lets the second half stand alone): in UTF-8 0xED and 0xA0 or more.
bool has_half_pair(const char* text, SizeType length) {
  const char* const end = text + length;
  for (const char* at = text; (at = std::find(at, end, '\xED')) != end; ++at) {
    if (at + 1 != end && static_cast<unsigned char>(at[1]) >= 0xA0) return true;
  }
  return false;
}

// Builds the value from what the reader finds.
class Builder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Builder> {
 public:
  explicit Builder(json& root) { open_.push_back(&root); }

  bool Null() { return put(nullptr); }
  bool Bool(bool value) { return put(value); }
  bool RawNumber(const char* digits, SizeType length, bool) {
    const char* end = digits + length;
    if (*digits == '-') {
      std::int64_t negative = 0;
      const auto [stopped, error] = std::from_chars(digits, end, negative);
      if (error == std::errc() && stopped == end) return put(negative);
    } else {
      std::uint64_t positive = 0;
      const auto [stopped, error] = std::from_chars(digits, end, positive);
      if (error == std::errc() && stopped == end) return put(positive);
    }
    json other = json::parse(digits, end, nullptr, /*allow_exceptions=*/false);
    return !other.is_discarded() && put(std::move(other));
  }
  bool String(const char* text, SizeType length, bool) {
    return !has_half_pair(text, length) && put(std::string(text, length));
  }
  bool StartObject() { return open(json::object()); }
  bool StartArray() { return open(json::array()); }
  bool EndObject(SizeType) { return close(); }
  bool EndArray(SizeType) { return close(); }
  bool Key(const char* text, SizeType length, bool) {
    if (has_half_pair(text, length)) return false;
    auto& members = open_.back()->get_ref<json::object_t&>();
    // Written by us they come in order. Of two with one name the last one counts.
    member_ = &members.emplace_hint(members.end(), std::string(text, length), nullptr)->second;
    return true;
  }

 private:
  json& place() {
    json& parent = *open_.back();
    if (parent.is_array()) return parent.get_ref<json::array_t&>().emplace_back();
    return parent.is_object() ? *member_ : parent;
  }
  template <class Value>
  bool put(Value&& value) {
    place() = std::forward<Value>(value);
    return true;
  }
  bool open(json&& empty) {
    if (open_.size() > deepest) return false;
    json& opened = place();
    opened = std::move(empty);
    open_.push_back(&opened);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::vector<json*> open_;  // the first one is the root, before it is anything
  json* member_ = nullptr;
};

bool parse(std::string_view text, json& value) {
  // Its own reading of long numbers is wrong (1.1.0).
  constexpr unsigned flags =
      rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::Reader reader;
  rapidjson::MemoryStream stream(text.data(), text.size());
  Builder builder(value);
  if (reader.Parse<flags>(stream, builder).IsError()) return false;
  // It takes a NUL for the end.
  return stream.Tell() == text.size();
}

enum class Beyond { Kept, Escaped };  // characters beyond ASCII

std::string by_library(const json& value, Beyond beyond) {
  if (beyond == Beyond::Kept) return value.dump();
  return value.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
}

// Written in one way only.
bool is_plain(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 0x20 && c < 0x7F) || c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f';
  });
}

class Text {
 public:
  explicit Text(Beyond beyond) : beyond_(beyond), writer_(buffer_) {}

  void write(const json& value);
  std::string take() const { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  void write_key(const std::string& name);
  void leave_to_library(const json& value, rapidjson::Type type) {
    const std::string text = by_library(value, beyond_);
    writer_.RawValue(text.data(), text.size(), type);
  }

  Beyond beyond_;
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

void Text::write_key(const std::string& name) {
  if (is_plain(name)) {
    writer_.Key(name.data(), static_cast<SizeType>(name.size()));
  } else {
    leave_to_library(name, rapidjson::kStringType);
  }
}

void Text::write(const json& value) {
  switch (value.type()) {
    case json::value_t::object:
      writer_.StartObject();
      for (const auto& [name, member] : value.get_ref<const json::object_t&>()) {
        write_key(name);
        write(member);
      }
      writer_.EndObject();
      return;
    case json::value_t::array:
      writer_.StartArray();
      for (const json& item : value.get_ref<const json::array_t&>()) write(item);
      writer_.EndArray();
      return;
    case json::value_t::string: {
      const auto& text = value.get_ref<const std::string&>();
      if (!is_plain(text)) break;
      writer_.String(text.data(), static_cast<SizeType>(text.size()));
      return;
    }
    case json::value_t::number_integer:
      writer_.Int64(value.get<std::int64_t>());
      return;
    case json::value_t::number_unsigned:
      writer_.Uint64(value.get<std::uint64_t>());
      return;
    case json::value_t::boolean:
      writer_.Bool(value.get<bool>());
      return;
    case json::value_t::null:
      writer_.Null();
      return;
    case json::value_t::number_float:  // there are several ways to write one
    case json::value_t::binary:
    case json::value_t::discarded:
      break;
  }
  leave_to_library(value, rapidjson::kNumberType);
}

std::string text_of(const json& value, Beyond beyond) {
  Text text(beyond);
  text.write(value);
  return text.take();
}

}  // namespace

json parsed(std::string_view text) {
  json value;
  if (parse(text, value)) return value;
  return json::parse(text);
}

json parsed_or_discarded(std::string_view text) {
  json value;
  if (parse(text, value)) return value;
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string written(const json& value) {
  return text_of(value, Beyond::Kept);
}

std::string written_in_ascii(const json& value) {
  return text_of(value, Beyond::Escaped);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x7F; });
}

}  // namespace jobengine::api::notation
