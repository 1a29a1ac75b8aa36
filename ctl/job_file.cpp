#include "ctl/job_file.hpp"

#include "common/runtime/failure.hpp"

namespace jobengine::ctl {
namespace {

using nlohmann::json;
using runtime::Failure;

constexpr int end_of_file = std::char_traits<char>::eof();
// More than any API takes; and a device may never end.
constexpr std::size_t most_bytes = 16UL * 1024 * 1024;

// "target" → "target-resource"; both at once would have to agree.
void rename(json& job, const char* from, const char* to) {
  const auto found = job.find(from);
  if (found == job.end()) return;
  if (job.contains(to)) throw Failure(std::string(from) + " and " + to + " are given");
  json value = std::move(*found);
  job.erase(from);
  job[to] = std::move(value);
}

}  // namespace

json job_of_file(json written) {
  if (!written.is_object()) throw Failure("expected a JSON object that describes a job");
  json job = std::move(written);
  if (!job.contains("action")) throw Failure("action is missing");
  if (job.contains("id") && !job["id"].is_string()) {
    throw Failure("id: expected a text, such as job/<uuid>");
  }
  if (job.contains("target")) {
    if (!job["target"].is_string()) throw Failure("target: expected a text, such as deployment/1");
    job["target"] = {{"href", job["target"]}};
  }
  rename(job, "target", "target-resource");
  rename(job, "mode", "execution-mode");
  const auto payload = job.find("payload");
  if (payload != job.end() && !payload->is_string()) *payload = payload->dump();
  return job;
}

int JobFile::peek() {
  return stream_.peek();
}

void JobFile::take() {
  if (stream_.get() == '\n') ++line_;
}

void JobFile::skip_blanks() {
  while (peek() == ' ' || peek() == '\t' || peek() == '\r' || peek() == '\n') take();
}

void JobFile::fail(std::size_t line, const std::string& what) const {
  throw Failure(name_ + " line " + std::to_string(line) + ": " + what);
}

void JobFile::begin() {
  skip_blanks();
  form_ = peek() == '[' ? Form::Array : Form::Lines;
  if (form_ == Form::Array) take();
}

std::string JobFile::line_text() {
  std::string text;
  while (peek() != end_of_file && peek() != '\n' && text.size() <= most_bytes) {
    text += static_cast<char>(peek());
    take();
  }
  return text;
}

// Up to the comma or bracket behind it.
std::string JobFile::element_text() {
  std::string text;
  int depth = 0;
  bool in_string = false;
  while (peek() != end_of_file && text.size() <= most_bytes) {
    const char c = static_cast<char>(peek());
    if (!in_string && depth == 0 && (c == ',' || c == ']')) return text;
    text += c;
    take();
    if (in_string) {
      if (c == '\\' && peek() != end_of_file) {
        text += static_cast<char>(peek());
        take();
      }
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  if (text.size() <= most_bytes) fail(began_, "the array does not end");
  return text;
}

std::optional<std::string> JobFile::next_text() {
  if (form_ == Form::Unknown) begin();
  skip_blanks();
  began_ = line_;
  if (form_ == Form::Lines) {
    if (peek() == end_of_file) return std::nullopt;
    return line_text();
  }
  if (peek() == ']' || (!first_ && peek() == ',')) {
    const bool more = peek() == ',';
    take();
    skip_blanks();
    began_ = line_;
    if (!more) {
      if (peek() != end_of_file) fail(line_, "something stands behind the array");
      return std::nullopt;
    }
  }
  first_ = false;
  return element_text();
}

std::optional<JobOfFile> JobFile::next() {
  if (ended_) return std::nullopt;
  ended_ = true;  // unless all goes well
  const auto text = next_text();
  if (stream_.bad()) fail(began_, "cannot be read");
  if (!text) return std::nullopt;
  if (text->size() > most_bytes) fail(began_, "more than " + std::to_string(most_bytes) + " bytes");
  auto written = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (written.is_discarded()) fail(began_, "is not JSON: " + text->substr(0, 100));
  JobOfFile job;
  job.line = began_;
  job.bytes = text->size();
  try {
    job.document = job_of_file(std::move(written));
  } catch (const Failure& failure) {
    fail(began_, failure.what());
  }
  ended_ = false;
  return job;
}

}  // namespace jobengine::ctl
