// Lines of one run: cut from bytes, kept up to the limit, numbered, made into requests.
#include "executor/job_log.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "executor/hosts/line_cutter.hpp"
#include "executor/hosts/utf8.hpp"

using namespace jobengine::executor;
using nlohmann::json;

namespace {

const WallTime at = WallTime(std::chrono::milliseconds(1'795'248'000'123));

std::vector<std::string> cut(const std::vector<std::string>& pieces, std::size_t longest = 10) {
  std::vector<std::string> lines;
  LineCutter cutter([&lines](std::string_view line) { lines.emplace_back(line); }, longest);
  for (const std::string& piece : pieces) cutter.accept(piece);
  cutter.finish();
  return lines;
}

// All that waits, as the API would keep it.
std::vector<json> take_all(JobLog& log) {
  std::vector<json> lines;
  while (log.has_news()) {
    const LogBatch batch = log.next_batch(100'000);
    for (const json& line : json::parse(batch.json)) lines.push_back(line);
    log.kept(batch, batch.first + static_cast<std::int64_t>(batch.lines));
  }
  return lines;
}

std::string text_of(const json& line) {
  return line["text"].get<std::string>();
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("bytes are cut into lines wherever the pieces end") {
  CHECK(cut({"one\ntwo\n"}) == Lines{"one", "two"});
  CHECK(cut({"o", "ne\nt", "", "wo"}) == Lines{"one", "two"});
  CHECK(cut({"\n\n"}) == Lines{"", ""});
  CHECK(cut({"0123456789\n"}) == Lines{"0123456789"});
  CHECK(cut({"0123456789abc\nx\n"}) == Lines{"0123456789", "abc", "x"});
  CHECK(cut({"01234", "56789", "abc", "\n"}) == Lines{"0123456789", "abc"});
  CHECK(cut({std::string(25, 'x')}) ==
        Lines{std::string(10, 'x'), std::string(10, 'x'), std::string(5, 'x')});
}

TEST_CASE("a line is not cut within a character") {
  CHECK(cut({"12345678é9é\n"}) == Lines{"12345678é", "9é"});
  CHECK(cut({"123456789é\n"}) == Lines{"123456789", "é"});
  CHECK(whole_characters("€€€€", 10) == 9);
  CHECK(whole_characters("\x80\x80\x80\x80\x80\x80", 4) == 4);
  CHECK(whole_characters("abc", 10) == 3);
}

TEST_CASE("bytes that are no UTF-8 are replaced, others are not") {
  CHECK(as_utf8("plain, é, €, \xF0\x9F\x98\x80") == "plain, é, €, \xF0\x9F\x98\x80");
  CHECK(as_utf8("caf\xE9!") == "caf\xEF\xBF\xBD!");
  CHECK(as_utf8("\xC3") == "\xEF\xBF\xBD");
  for (const char* wrong : {"\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE0\x80\x80"}) {
    CHECK_NOTHROW(json(as_utf8(wrong)).dump());
    CHECK(as_utf8(wrong) != wrong);
  }
}

TEST_CASE("a line has stream, time and text, and those of log() a level") {
  JobLog log(1000);
  CHECK(log.note(LogStream::Stdout, "out", at));
  CHECK(log.note(LogStream::Stderr, "err \xFF", at));
  CHECK(log.note(LogStream::Log, "said", at, 2));
  const auto lines = take_all(log);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == json::parse(R"({"stream": "stdout", "text": "out",
                                    "time": "2026-11-21T08:00:00.123Z"})"));
  CHECK(lines[1]["text"] == "err \xEF\xBF\xBD");
  CHECK(lines[1]["stream"] == "stderr");
  CHECK(lines[2]["level"] == "warning");
}

TEST_CASE("lines are numbered in order, over all batches") {
  JobLog log(1'000'000);
  for (int i = 0; i < 100; ++i) log.note(LogStream::Stdout, std::to_string(i), at);
  std::int64_t expected = 0;
  while (log.has_news()) {
    const LogBatch batch = log.next_batch(1000);
    CHECK(batch.first == expected);
    CHECK(batch.json.size() <= 1001);
    CHECK(json::parse(batch.json).size() == batch.lines);
    expected += static_cast<std::int64_t>(batch.lines);
    log.kept(batch, expected);
  }
  CHECK(expected == 100);
  CHECK(log.held() == 0);
  CHECK(log.figures().kept_lines == 100);
}

TEST_CASE("a batch has one line at least, however long that is") {
  JobLog log(1'000'000);
  log.note(LogStream::Stdout, std::string(5000, 'x'), at);
  log.note(LogStream::Stdout, "next", at);
  CHECK(log.next_batch(100).lines == 1);
  CHECK(log.next_batch(0).lines == 1);
}

TEST_CASE("a line that grows when its bytes are replaced is still one the API takes") {
  JobLog log(1'000'000);
  log.note(LogStream::Stdout, std::string(longest_printed_line, '\xFF'), at);
  std::size_t bytes = 0;
  for (const json& line : take_all(log)) {
    CHECK(text_of(line).size() <= longest_printed_line);
    bytes += text_of(line).size();
  }
  CHECK(bytes == 3 * longest_printed_line);
}

TEST_CASE("beyond the limit the beginning, a notice and the end are kept") {
  constexpr std::size_t limit = 10 * 1024;
  JobLog log(limit);
  constexpr int count = 100'000;
  std::size_t most_held = 0;
  for (int i = 0; i < count; ++i) {
    log.note(LogStream::Stdout, "line " + std::to_string(i), at);
    most_held = std::max(most_held, log.held());
  }
  CHECK(most_held < 2 * limit);
  log.finish(at);
  const auto lines = take_all(log);
  CHECK(text_of(lines.front()) == "line 0");
  CHECK(text_of(lines.back()) == "line 99999");
  std::size_t notice = 0;
  while (notice < lines.size() && !text_of(lines[notice]).ends_with("is reached")) ++notice;
  REQUIRE(notice < lines.size());
  const std::string text = text_of(lines[notice]);
  CHECK(lines[notice]["stream"] == "engine");
  const std::size_t printed = lines.size() - 2;  // the other notice came when the limit was reached
  CHECK(text.starts_with(std::to_string(count - printed) + " lines, "));
  CHECK_THAT(text, Catch::EndsWith(" bytes were dropped: the limit of 10 KiB a run is reached"));
  CHECK(text_of(lines[notice - 1]) ==
        "the limit of 10 KiB a run is reached: of what follows only the last lines are kept");
  CHECK(log.figures().over_limit == count - printed);
  // The end has no gap.
  int number = count - static_cast<int>(lines.size() - notice) + 1;
  for (std::size_t i = notice + 1; i < lines.size(); ++i, ++number) {
    REQUIRE(text_of(lines[i]) == "line " + std::to_string(number));
  }
}

TEST_CASE("what just fits into the limit is kept without a notice") {
  JobLog log(10 * 1024);
  int count = 0;
  while (log.note(LogStream::Stdout, "a line", at)) ++count;
  log.finish(at);
  const auto lines = take_all(log);
  CHECK(lines.size() == static_cast<std::size_t>(count) + 1);
  for (const json& line : lines) CHECK(text_of(line) == "a line");
}

TEST_CASE("what the engine did is kept beyond the limit") {
  JobLog log(1000);
  for (int i = 0; i < 1000; ++i) log.note(LogStream::Stdout, "a line", at);
  log.note_engine("SIGTERM sent", at, true);
  log.finish(at);
  bool found = false;
  for (const json& line : take_all(log)) found = found || text_of(line) == "SIGTERM sent";
  CHECK(found);
}

TEST_CASE("what happens to every run is no news, but is there when there is some") {
  JobLog log(1000);
  log.note_engine("started", at, false);
  CHECK_FALSE(log.has_news());
  log.note(LogStream::Stdout, "printed", at);
  CHECK(log.has_news());
  const auto lines = take_all(log);
  REQUIRE(lines.size() == 2);
  CHECK(text_of(lines[0]) == "started");
}

TEST_CASE("a log that is given up keeps its tail only") {
  JobLog log(1000);
  log.note(LogStream::Stdout, "one", at);
  log.give_up();
  CHECK(log.closed());
  CHECK_FALSE(log.note(LogStream::Stdout, "two", at));
  log.note_engine("killed", at, true);
  log.finish(at);
  CHECK_FALSE(log.has_news());
  CHECK(log.held() == 0);
  CHECK(log.tail() == "one\ntwo");
  CHECK(log.figures().not_taken == 1);
  JobLog none(0);
  CHECK_FALSE(none.note(LogStream::Stdout, "one", at));
  CHECK(none.tail() == "one");
}

TEST_CASE("the tail is the last twenty lines and at most 4 KiB of UTF-8") {
  JobLog log(0);
  CHECK(log.tail().empty());
  log.note(LogStream::Stdout, "  ", at);
  log.note(LogStream::Stdout, "", at);
  CHECK(log.tail().empty());
  for (int i = 0; i < 50; ++i) log.note(LogStream::Stdout, std::to_string(i), at);
  CHECK(log.tail().substr(0, 6) == "30\n31\n");
  CHECK(log.tail().ends_with("\n49"));
  for (int i = 0; i < 20; ++i) log.note(LogStream::Stderr, std::string(399, 'x') + "é", at);
  CHECK(log.tail().size() <= 4096);
  CHECK(log.tail().starts_with("xxx"));
  CHECK(log.tail().size() > 3 * 1024);
  for (int i = 0; i < 20; ++i) log.note(LogStream::Stderr, std::string(5000, '\xE9'), at);
  CHECK(log.tail().size() <= 4096);
  CHECK_NOTHROW(json(log.tail()).dump());
}
