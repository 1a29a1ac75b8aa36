// Which files below a folder are somebody's source.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace jobengine::ctl {

// Paths relative to `folder`, sorted. Hidden folders and build trees (those with a CMakeCache.txt)
// are left out, files are chosen by their ending. Throws Failure when `folder` cannot be read.
std::vector<std::string> source_files(const std::filesystem::path& folder);

}  // namespace jobengine::ctl
