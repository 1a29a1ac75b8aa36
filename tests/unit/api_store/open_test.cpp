// Opening files that are not what they should be.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "api/store/migrations.hpp"
#include "api/store/store.hpp"
#include "common/runtime/failure.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api::store;
using Catch::Contains;

namespace {

std::string failure_of(const std::string& file) {
  try {
    open_sqlite_store(file);
  } catch (const runtime::Failure& failure) {
    return failure.what();
  }
  return "opened";
}

}  // namespace

TEST_CASE("store: what cannot be opened is named with the reason", "[store]") {
  const tests::TemporaryDirectory folder;
  const auto place = folder.path().string();
  CHECK_THAT(failure_of(""), Contains("expected the name of a file"));
  CHECK_THAT(failure_of(place), Contains(place) && Contains("it is a folder"));
  CHECK_THAT(failure_of(place + "/none/jobs.db"),
             Contains(place + "/none/jobs.db") && Contains("does not exist"));
  const auto plain = folder.file("plain.txt", std::string(5000, 'x'));
  CHECK_THAT(failure_of(plain), Contains(plain) && Contains("no SQLite database"));
  CHECK_THAT(failure_of(plain + "/jobs.db"), Contains("is not a folder"));
  CHECK_THAT(failure_of("/proc/jobs.db"), Contains("/proc/jobs.db") && Contains("No such file"));
  // Nothing was done to the file that is none of ours.
  CHECK(std::filesystem::file_size(plain) == 5000);
}

TEST_CASE("store: a database is served by one at a time", "[store]") {
  const tests::TemporaryDirectory folder;
  const auto file = (folder.path() / "jobs.db").string();
  const auto other_name = (folder.path() / "also.db").string();
  {
    const auto store = open_sqlite_store(file);
    CHECK_THAT(failure_of(file), Contains(file) && Contains("another job-api serves it"));
    std::filesystem::create_symlink(file, other_name);
    CHECK_THAT(failure_of(other_name), Contains("another job-api serves it"));
  }
  CHECK(failure_of(file) == "opened");
}

TEST_CASE("store: a database of a newer version or another program is left alone", "[store]") {
  const tests::TemporaryDirectory folder;
  const auto file = (folder.path() / "jobs.db").string();
  open_sqlite_store(file);
  {
    Connection connection(file, Connection::Access::ReadAndWrite);
    connection.run("PRAGMA user_version = 4711");
  }
  CHECK_THAT(failure_of(file), Contains(file) && Contains("newer version") && Contains("4711"));
  {
    Connection connection(file, Connection::Access::ReadAndWrite);
    CHECK(connection.integer("PRAGMA user_version") == 4711);
  }
  const auto foreign = (folder.path() / "foreign.db").string();
  {
    Connection connection(foreign, Connection::Access::ReadAndWrite);
    connection.run("CREATE TABLE orders(id INTEGER)");
  }
  CHECK_THAT(failure_of(foreign), Contains("belongs to another program"));
}

TEST_CASE("store: opening twice migrates once, names with a meaning are files", "[store]") {
  const tests::TemporaryDirectory folder;
  const auto file = (folder.path() / ":memory:").string();
  CHECK(failure_of(file) == "opened");
  CHECK(failure_of(file) == "opened");
  CHECK(std::filesystem::exists(file));
}
