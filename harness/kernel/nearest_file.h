// Somebody gave a path that is not there: which one did they mean?
#pragma once

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "harness/base/text.h"

namespace holdfast {

/// "did you mean /x/bzImage?" for the nearest name in the folder of `path`; what is known of the folder when it is not
/// there either; empty when nothing is near.
inline std::string nearest_beside(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code failed;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(folder, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    names.push_back(entry->path().filename().string());
  }
  if (names.empty() && !fs::is_directory(folder, failed)) return "there is no folder " + folder.string() + " either";
  const auto near = nearest(path.filename().string(), names);
  return near ? "did you mean " + (folder / *near).string() + "?" : std::string();
}

}  // namespace holdfast
