#include "ctl/source_files.hpp"

#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;

TEST_CASE("source files: found below the folder; hidden folders and build trees are not", "[ctl]") {
  const tests::TemporaryDirectory directory;
  for (const char* folder : {"src", ".git", "build", "src/deep"}) {
    std::filesystem::create_directories(directory.path() / folder);
  }
  for (const char* file : {"src/b.cpp", "src/a.hpp", "src/deep/c.py", "src/picture.png",
                           ".git/x.py", "build/y.cpp", "build/CMakeCache.txt", "CMakeLists.txt"}) {
    directory.file(file, "content");
  }
  REQUIRE(ctl::source_files(directory.path()) ==
          std::vector<std::string>{"CMakeLists.txt", "src/a.hpp", "src/b.cpp", "src/deep/c.py"});
}

TEST_CASE("source files: a folder that is not there is named", "[ctl]") {
  REQUIRE_THROWS_WITH(ctl::source_files("/nowhere/at/all"), Catch::Contains("/nowhere/at/all"));
}
