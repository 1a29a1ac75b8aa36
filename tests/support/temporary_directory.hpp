// A folder that is gone at the end of the test.
#pragma once

#include <filesystem>
#include <string>

namespace jobengine::tests {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }
  // Writes a file in it and returns its full name.
  std::string file(const std::string& name, const std::string& content) const;

 private:
  std::filesystem::path path_;
};

// Where the programs under test are: <build>/bin/<name>. From the environment variable ctest sets.
std::string program_path(const std::string& name);
std::string build_directory();
std::string source_directory();

}  // namespace jobengine::tests
