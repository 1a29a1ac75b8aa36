// Server-sent events, however they are cut and ended.
#include "common/cimi/event_parser.hpp"

#include <catch2/catch.hpp>

using jobengine::cimi::EventParser;
using jobengine::cimi::ServerEvent;

namespace {

std::string shown(const std::vector<ServerEvent>& events) {
  std::string text;
  for (const auto& event : events)
    text += "[" + event.name + "|" + event.data + "|" + event.id + "]";
  return text;
}

std::string parsed(const std::string& bytes) {
  EventParser parser;
  return shown(parser.take(bytes));
}

std::string replaced(std::string text, const std::string& end) {
  std::string result;
  for (const char letter : text) result += letter == '\n' ? end : std::string(1, letter);
  return result;
}

const std::string sample =
    ": hello\nretry: 2000\n\nid: 7\nevent: state\ndata: {\"a\":1}\n\n"
    "data: one\ndata\ndata:two\n\nevent: lonely\n\nid\ndata:  x\nunknown: y\n\n";
const std::string meant = "[state|{\"a\":1}|7][message|one\n\ntwo|7][message| x|]";

}  // namespace

TEST_CASE("event parser: names, data of several lines, ids that last, comments", "[cimi]") {
  CHECK(parsed(sample) == meant);
}

TEST_CASE("event parser: lines end with LF, CR or CRLF", "[cimi]") {
  CHECK(parsed(replaced(sample, "\r")) == meant);
  CHECK(parsed(replaced(sample, "\r\n")) == meant);
}

TEST_CASE("event parser: pieces may end anywhere", "[cimi]") {
  for (const char* end : {"\n", "\r", "\r\n"}) {
    const auto bytes = replaced(sample, end);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      EventParser parser;
      auto events = parser.take(bytes.substr(0, cut));
      for (auto& event : parser.take(bytes.substr(cut))) events.push_back(event);
      CHECK(shown(events) == meant);
    }
    EventParser parser;
    std::vector<ServerEvent> events;
    for (const char letter : bytes) {
      for (auto& event : parser.take(std::string(1, letter))) events.push_back(event);
    }
    CHECK(shown(events) == meant);
  }
}

TEST_CASE("event parser: a byte order mark counts at the beginning only", "[cimi]") {
  CHECK(parsed("\xEF\xBB\xBF"
               "data: x\n\n") == "[message|x|]");
  CHECK(parsed("\n\xEF\xBB\xBF"
               "data: x\n\n")
            .empty());
}

TEST_CASE("event parser: what is not complete is no event, and bad ids do not count", "[cimi]") {
  CHECK(parsed("data: x\n").empty());
  CHECK(parsed(std::string("id: a\0b\ndata: x\n\n", 17)) == "[message|x|]");
}

TEST_CASE("event parser: a line or an event that does not end takes no more memory than granted",
          "[cimi]") {
  EventParser line(1000);
  for (int i = 0; i < 100; ++i) line.take(std::string(100, 'x'));
  CHECK(line.too_long());
  EventParser event(1000);
  for (int i = 0; i < 100; ++i) event.take("data: " + std::string(94, 'x') + "\n");
  CHECK(event.too_long());
  CHECK(event.take("\n\ndata: x\n\n").empty());
}
