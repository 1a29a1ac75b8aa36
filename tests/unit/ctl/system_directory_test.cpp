#include "ctl/development/system_directory.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using development::SystemDirectory;
namespace fs = std::filesystem;

TEST_CASE("jobctl dev's folder: a temporary one is removed unless it is to be kept", "[ctl]") {
  fs::path gone;
  fs::path kept;
  {
    const SystemDirectory first("");
    gone = first.path();
    SystemDirectory second("");
    kept = second.path();
    REQUIRE(fs::is_directory(gone));
    second.keep();
  }
  REQUIRE_FALSE(fs::exists(gone));
  REQUIRE(fs::is_directory(kept));
  fs::remove_all(kept);
}

TEST_CASE("jobctl dev's folder: a named one stays, and with it the password", "[ctl]") {
  const tests::TemporaryDirectory directory;
  const auto name = (directory.path() / "dev" / "here").string();
  std::string password;
  {
    const SystemDirectory first(name);
    password = first.password();
    REQUIRE(password.size() == 32);
    struct stat status{};
    REQUIRE(::stat(first.password_file().c_str(), &status) == 0);
    REQUIRE((status.st_mode & 0777U) == 0600U);
  }
  const SystemDirectory again(name);
  REQUIRE(again.password() == password);
}

TEST_CASE("jobctl dev's folder: is used by one at a time", "[ctl]") {
  const tests::TemporaryDirectory directory;
  const SystemDirectory first(directory.path().string());
  REQUIRE_THROWS_WITH(SystemDirectory(directory.path().string()),
                      Catch::Contains("another `jobctl dev` runs in"));
}

TEST_CASE("jobctl dev's folder: one that cannot be made is named with the reason", "[ctl]") {
  const tests::TemporaryDirectory directory;
  const auto file = directory.file("file", "");
  REQUIRE_THROWS_WITH(SystemDirectory(file + "/below"), Catch::Contains(file + "/below"));
}

TEST_CASE("end of a log: whole lines, the last ones", "[ctl]") {
  const tests::TemporaryDirectory directory;
  std::string text;
  for (int line = 0; line < 1000; ++line) text += "line " + std::to_string(line) + "\n";
  const auto end = development::end_of_log(directory.file("log", text));
  REQUIRE(end.starts_with("line "));
  REQUIRE(end.ends_with("line 999\n"));
  REQUIRE(end.size() <= 2000);
  REQUIRE(development::end_of_log(directory.path() / "none") == "(the log is empty)\n");
}
