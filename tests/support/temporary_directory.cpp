#include "tests/support/temporary_directory.hpp"

#include <cstdlib>
#include <fstream>

#include "common/runtime/failure.hpp"

namespace jobengine::tests {

namespace {

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) {
    throw runtime::Failure(std::string(name) + " is not set: run the tests with ctest");
  }
  return value;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "job-engine-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw runtime::Failure("cannot create " + pattern);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::file(const std::string& name, const std::string& content) const {
  const auto full = path_ / name;
  std::ofstream file(full);
  file << content;
  if (!file.flush()) throw runtime::Failure("cannot write " + full.string());
  return full.string();
}

std::string build_directory() {
  return from_environment("JE_BUILD_DIRECTORY");
}
std::string source_directory() {
  return from_environment("JE_SOURCE_DIRECTORY");
}
std::string program_path(const std::string& name) {
  return build_directory() + "/bin/" + name;
}

}  // namespace jobengine::tests
