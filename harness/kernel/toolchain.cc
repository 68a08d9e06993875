// What does a kernel build need on this machine, and what is it built with?
#include "harness/kernel/toolchain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

struct Tool {
  std::string_view program;
  std::string_view package;
};

/// Source: linux Documentation/process/changes.rst.
constexpr std::array<Tool, 7> kAlways{{{"make", "make"},
                                       {"gcc", "gcc"},
                                       {"ld", "binutils"},
                                       {"flex", "flex"},
                                       {"bison", "bison"},
                                       {"bc", "bc"},
                                       {"perl", "perl"}}};

struct ToolFor {
  std::string_view symbol;  ///< needed when this is set
  Tool tool;
};

constexpr std::array<ToolFor, 8> kWhenConfigured{{{"CONFIG_KERNEL_XZ", {"xz", "xz-utils"}},
                                                  {"CONFIG_KERNEL_LZMA", {"lzma", "xz-utils"}},
                                                  {"CONFIG_KERNEL_LZ4", {"lz4", "lz4"}},
                                                  {"CONFIG_KERNEL_ZSTD", {"zstd", "zstd"}},
                                                  {"CONFIG_KERNEL_BZIP2", {"bzip2", "bzip2"}},
                                                  {"CONFIG_KERNEL_LZO", {"lzop", "lzop"}},
                                                  {"CONFIG_DEBUG_INFO_BTF", {"pahole", "pahole"}},
                                                  {"CONFIG_IKHEADERS", {"cpio", "cpio"}}}};

struct HeaderFor {
  std::string_view symbol;
  std::string_view header;
  std::string_view package;
};

/// objtool reads ELF files; certs/ signs modules and packs keys.
constexpr std::array<HeaderFor, 4> kHeaders{{{"CONFIG_OBJTOOL", "libelf.h", "libelf-dev"},
                                             {"CONFIG_OBJTOOL", "gelf.h", "libelf-dev"},
                                             {"CONFIG_MODULE_SIG", "openssl/opensslv.h", "libssl-dev"},
                                             {"CONFIG_SYSTEM_TRUSTED_KEYRING", "openssl/opensslv.h", "libssl-dev"}}};

/// Gathers what is missing, and says it all at once.
class Missing {
 public:
  void add(std::string_view what, std::string_view package) {
    if (std::find(packages_.begin(), packages_.end(), package) != packages_.end()) return;
    things_.emplace_back(what);
    packages_.emplace_back(package);
  }
  Result<void> verdict() const {
    if (things_.empty()) return {};
    return lab_error("tool", fmt::format("the kernel build needs what is not installed: {}", join(things_, ", ")))
        .because(fmt::format("apt-get install {}", join(packages_, " ")));
  }

 private:
  std::vector<std::string> things_;
  std::vector<std::string> packages_;
};

bool is_set(const KernelConfig& config, std::string_view symbol) {
  const auto at = config.find(std::string(symbol));
  return at != config.end() && at->second != "n";
}

Result<bool> has_header(std::string_view header, const Deadline& deadline) {
  const Output output = TRY(run({.argv = {"gcc", "-E", "-x", "c", "-o", "/dev/null", "-"}, .env = {{"LC_ALL", "C"}}},
                                deadline.at_most(std::chrono::seconds(30)), fmt::format("#include <{}>\n", header)));
  return output.status.success();
}

}  // namespace

Result<std::string> compiler_identity(const Deadline& deadline) {
  std::vector<std::string> lines;
  for (const char* program : {"gcc", "ld"}) {
    const Output output = TRY(
        run({.argv = {program, "--version"}, .env = {{"LC_ALL", "C"}}}, deadline.at_most(std::chrono::seconds(30))));
    lines.emplace_back(trim(output.out.substr(0, output.out.find('\n'))));
  }
  return join(lines, "; ");
}

Result<void> require_build_tools() {
  Missing missing;
  for (const Tool& tool : kAlways) {
    if (!find_program(tool.program)) missing.add(tool.program, tool.package);
  }
  return missing.verdict();
}

Result<void> require_tools_for(const KernelConfig& config, const Deadline& deadline) {
  Missing missing;
  for (const auto& [symbol, tool] : kWhenConfigured) {
    if (is_set(config, symbol) && !find_program(tool.program)) missing.add(tool.program, tool.package);
  }
  for (const auto& [symbol, header, package] : kHeaders) {
    if (is_set(config, symbol) && !TRY(has_header(header, deadline))) missing.add(header, package);
  }
  const bool modules = std::any_of(config.begin(), config.end(), [](const auto& entry) { return entry.second == "m"; });
  if (modules && !find_program("depmod") && !find_program("/sbin/depmod")) missing.add("depmod", "kmod");
  return missing.verdict();
}

std::optional<std::map<std::string, std::string>> ccache_environment(const fs::path& root, const fs::path& cache) {
  if (!find_program("ccache")) return std::nullopt;
  std::map<std::string, std::string> environment = {
      {"CCACHE_BASEDIR", root.string()},
      {"CCACHE_NOHASHDIR", "1"},
      // The tree has just been copied, so its files look too new to be trusted; and the kernel forbids __DATE__ anyway.
      {"CCACHE_SLOPPINESS", "time_macros,include_file_mtime,include_file_ctime,locale"},
  };
  if (std::getenv("CCACHE_DIR") == nullptr && std::getenv("HOME") == nullptr) {
    environment["CCACHE_DIR"] = (cache / "ccache").string();
  }
  return environment;
}

}  // namespace holdfast
