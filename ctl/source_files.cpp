#include "ctl/source_files.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "common/runtime/failure.hpp"

namespace jobengine::ctl {

namespace fs = std::filesystem;

namespace {

bool is_source(const fs::path& file) {
  constexpr std::array<std::string_view, 18> endings = {
      ".c",  ".cc", ".cpp", ".h",   ".hpp",  ".py",  ".sh",   ".cmake", ".md",
      ".js", ".ts", ".css", ".sql", ".html", ".yml", ".yaml", ".go",    ".rs"};
  const std::string ending = file.extension().string();
  return std::find(endings.begin(), endings.end(), ending) != endings.end() ||
         file.filename() == "CMakeLists.txt";
}

bool is_left_out(const fs::path& folder) {
  return folder.filename().string().starts_with('.') || fs::exists(folder / "CMakeCache.txt");
}

}  // namespace

std::vector<std::string> source_files(const fs::path& folder) {
  std::vector<std::string> files;
  try {
    for (auto at = fs::recursive_directory_iterator(folder); at != fs::end(at); ++at) {
      if (at->is_directory() && is_left_out(at->path())) {
        at.disable_recursion_pending();
      } else if (at->is_regular_file() && !at->is_symlink() && is_source(at->path())) {
        files.push_back(at->path().lexically_relative(folder).string());
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw runtime::Failure("cannot read " + folder.string() + ": " + error.code().message());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace jobengine::ctl
