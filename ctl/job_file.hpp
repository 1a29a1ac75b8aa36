// The jobs of `jobctl submit --from-file`: a JSON document a line, or one JSON array of them. Read
// one by one, so that a file may be of any length.
#pragma once

#include <cstddef>
#include <istream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace jobengine::ctl {

struct JobOfFile {
  nlohmann::json document;  // as the API takes it
  std::size_t line = 0;     // where it begins, from 1
  std::size_t bytes = 0;    // of its text
};

// The attributes of a job by their own names, or by those of submit's options: target, mode. The
// payload may also be any JSON. Throws Failure saying what is wrong.
nlohmann::json job_of_file(nlohmann::json written);

class JobFile {
 public:
  // `name`: for messages. The stream must outlive it.
  JobFile(std::istream& stream, std::string name) : stream_(stream), name_(std::move(name)) {}

  // Nothing at the end. Throws Failure with name and line; then it is at its end.
  std::optional<JobOfFile> next();

 private:
  enum class Form { Unknown, Lines, Array };
  int peek();
  void take();
  void skip_blanks();
  void begin();
  std::optional<std::string> next_text();
  std::string line_text();
  std::string element_text();
  [[noreturn]] void fail(std::size_t line, const std::string& what) const;

  std::istream& stream_;
  const std::string name_;
  Form form_ = Form::Unknown;
  bool ended_ = false;
  bool first_ = true;
  std::size_t line_ = 1;
  std::size_t began_ = 1;
};

}  // namespace jobengine::ctl
