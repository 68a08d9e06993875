// What do the unit tests of the kernel verbs need around them? Files, shell lines, environment variables.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/file.h"
#include "harness/base/process.h"

namespace holdfast::fake {

/// Sets an environment variable until destroyed.
class ScopedEnv {
 public:
  ScopedEnv(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ScopedEnv(const ScopedEnv&) = delete;
  ScopedEnv& operator=(const ScopedEnv&) = delete;
  ~ScopedEnv() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

inline Deadline soon() { return Deadline::after(std::chrono::seconds(60)); }

inline void write(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Runs a shell line; gives whether it succeeded.
inline bool shell(const std::string& line, const std::filesystem::path& cwd = {}) {
  const auto output = run({.argv = {"sh", "-c", line}, .cwd = cwd}, soon());
  return output && output->status.success();
}

}  // namespace holdfast::fake
