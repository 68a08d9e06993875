// Where are the files that the program comes with, and where may it keep what it makes?
#include "harness/kernel/data_dir.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string>

namespace holdfast {
namespace fs = std::filesystem;
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

Result<fs::path> made_absolute(const fs::path& path) {
  std::error_code failed;
  fs::path whole = fs::absolute(path, failed);
  if (failed) return system_error(fmt::format("find the folder {}", path.string()), failed.value());
  return whole.lexically_normal();
}

}  // namespace

Result<fs::path> data_dir_of(const fs::path& program) {
  if (const std::string asked = environment("HOLDFAST_DATA"); !asked.empty()) {
    if (is_folder(asked)) return made_absolute(asked);
    return usage_error(fmt::format("HOLDFAST_DATA={} is not a folder", asked))
        .because("set it to the folder fixtures of the source tree, or unset it");
  }
  const fs::path beside = program.parent_path() / "fixtures";
  if (is_folder(beside)) return beside;
  const fs::path shared = (program.parent_path() / "../share/holdfast/fixtures").lexically_normal();
  if (is_folder(shared)) return shared;
  return usage_error(
             fmt::format("the program's own files are neither in {} nor in {}", beside.string(), shared.string()))
      .because("set HOLDFAST_DATA to the folder fixtures of the source tree");
}

Result<fs::path> data_dir() {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  if (failed) return system_error("find out where this program is", failed.value());
  return data_dir_of(program);
}

Result<fs::path> cache_dir() {
  if (const std::string asked = environment("HOLDFAST_CACHE"); !asked.empty()) return made_absolute(asked);
  // The XDG base directory specification (0.8) has relative values ignored.
  if (const std::string xdg = environment("XDG_CACHE_HOME"); xdg.starts_with('/')) return fs::path(xdg) / "holdfast";
  if (const std::string home = environment("HOME"); !home.empty())
    return made_absolute(fs::path(home) / ".cache/holdfast");
  return usage_error("no folder for the cache: HOLDFAST_CACHE, XDG_CACHE_HOME and HOME are all unset")
      .because("set HOLDFAST_CACHE to a folder with 6 GB free");
}

Result<fs::path> state_dir() {
  if (const std::string xdg = environment("XDG_STATE_HOME"); xdg.starts_with('/')) return fs::path(xdg) / "holdfast";
  if (const std::string home = environment("HOME"); !home.empty())
    return made_absolute(fs::path(home) / ".local/state/holdfast");
  return usage_error("no folder for what is to be remembered: XDG_STATE_HOME and HOME are both unset");
}

}  // namespace holdfast
