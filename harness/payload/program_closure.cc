// What must stand beside a program of this machine so that it runs on another one?
#include "harness/payload/program_closure.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <span>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

Error no_program(const fs::path& file, std::string_view why) {
  return lab_error("program", fmt::format("{} {}", file.string(), why));
}

/// Reads `into` from `offset`; false when there is less.
bool read_at(int fd, uint64_t offset, std::span<char> into) {
  size_t filled = 0;
  while (filled < into.size()) {
    const ssize_t got = ::pread(fd, into.data() + filled, into.size() - filled,
                                static_cast<off_t>(offset) + static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    filled += static_cast<size_t>(got);
  }
  return true;
}

template <class T>
bool read_struct(int fd, uint64_t offset, T& into) {
  return read_at(fd, offset, {reinterpret_cast<char*>(&into), sizeof into});
}

/// The loader that the program asks for; empty for a static one. Source: elf(5).
Result<fs::path> loader_of(const fs::path& program) {
  constexpr size_t kLongestPath = 4096;
  const Fd file = TRY(open_file(program, O_RDONLY));
  Elf64_Ehdr head{};
  if (!read_struct(file.get(), 0, head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
      head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(Elf64_Phdr)) {
    return no_program(program, "is no 64-bit ELF program");
  }
  for (unsigned i = 0; i < head.e_phnum; ++i) {
    Elf64_Phdr part{};
    if (!read_struct(file.get(), head.e_phoff + i * sizeof part, part)) return no_program(program, "is cut off");
    if (part.p_type != PT_INTERP) continue;
    if (part.p_filesz > kLongestPath) return no_program(program, "has a loader whose path is too long");
    std::string path(part.p_filesz, '\0');
    if (!read_at(file.get(), part.p_offset, path)) return no_program(program, "is cut off");
    return fs::path(path.c_str());  // up to its NUL
  }
  return fs::path();
}

void order(std::vector<fs::path>& paths) {
  std::ranges::sort(paths);
  const auto repeated = std::ranges::unique(paths);
  paths.erase(repeated.begin(), repeated.end());
}

}  // namespace

Result<std::vector<fs::path>> loaded_objects(std::string_view listing) {
  std::vector<fs::path> paths;
  for (const std::string_view line : split(listing, '\n')) {
    // "NAME => PATH (ADDRESS)", "PATH (ADDRESS)", and the kernel's own object, which has no path.
    const size_t arrow = line.find(" => ");
    std::string_view path = trim(arrow == std::string_view::npos ? line : line.substr(arrow + 4));
    if (path == "not found") {
      return lab_error("program", fmt::format("{} is not on this machine", trim(line.substr(0, arrow))));
    }
    path = path.substr(0, path.rfind(" ("));
    if (path.starts_with('/')) paths.emplace_back(path);
  }
  return paths;
}

Result<std::vector<fs::path>> closure_of(const fs::path& program, const Deadline& deadline) {
  std::vector<fs::path> paths{program};
  const fs::path loader = TRY(loader_of(program));
  if (loader.empty()) return paths;
  paths.push_back(loader);
  // As ldd does it. The loader ends before it gives control to the program. Source: ld.so(8).
  const std::map<std::string, std::string> env{
      {"LD_TRACE_LOADED_OBJECTS", "1"}, {"LD_PRELOAD", ""}, {"LD_LIBRARY_PATH", ""}};
  const Output listed = TRY(run({.argv = {loader.string(), program.string()}, .env = env}, deadline));
  if (!listed.status.success()) {
    return no_program(program, "is not accepted by its loader").with("the loader's words", listed.err);
  }
  const auto objects = TRY_IN(program.string(), loaded_objects(listed.out));
  paths.insert(paths.end(), objects.begin(), objects.end());
  order(paths);
  return paths;
}

Result<std::vector<fs::path>> sshd_closure(const Deadline& deadline) {
  // sshd runs itself anew for each connection by its absolute path; from OpenSSH 9.8 on it runs parts of its own.
  const fs::path sshd = "/usr/sbin/sshd";
  std::error_code ignored;
  if (!fs::exists(sshd, ignored)) {
    return lab_error("missing-program", fmt::format("there is no {} to carry in a payload", sshd.string()))
        .because("`apt-get install openssh-server` mends it");
  }
  std::vector<fs::path> paths;
  for (const fs::path& part :
       {sshd, fs::path("/usr/lib/openssh/sshd-session"), fs::path("/usr/lib/openssh/sshd-auth")}) {
    if (!fs::exists(part, ignored)) continue;
    const auto closure = TRY(closure_of(part, deadline));
    paths.insert(paths.end(), closure.begin(), closure.end());
  }
  order(paths);
  return paths;
}

}  // namespace holdfast
