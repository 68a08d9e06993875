// What has the running kernel used up?
#include "harness/agent/resources.h"

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

/// Of a line "Slab:  1234 kB", the number.
uint64_t field(std::string_view meminfo, std::string_view name) {
  for (const std::string_view line : split(meminfo, '\n')) {
    if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
    std::string_view value = trim(line.substr(name.size() + 1));
    return parse_u64(value.substr(0, value.find(' '))).value_or(0);
  }
  return 0;
}

/// One size in bytes per line, in hex. Source: kernel/liveupdate/kexec_handover_debugfs.c of Linux 7.3.
uint64_t scratch_kib(std::string_view lengths) {
  uint64_t bytes = 0;
  for (const std::string_view line : split(lengths, '\n')) {
    if (!trim(line).empty()) bytes += parse_u64(trim(line), 16).value_or(0);
  }
  return bytes >> 10;
}

std::string text_of(const std::filesystem::path& file) {
  constexpr size_t kMost = size_t{1} << 16;
  auto text = read_file(file, kMost);
  return text ? *std::move(text) : std::string();
}

}  // namespace

wire::ResourcesReply read_resources(const std::filesystem::path& root) {
  const std::string meminfo = text_of(root / "proc/meminfo");
  const std::string files = text_of(root / "proc/sys/fs/file-nr");
  return {.memory_total = field(meminfo, "MemTotal"),
          .memory_available = field(meminfo, "MemAvailable"),
          .slab = field(meminfo, "Slab"),
          .slab_unreclaimable = field(meminfo, "SUnreclaim"),
          .kho_scratch = scratch_kib(text_of(root / "sys/kernel/debug/kho/out/scratch_len")),
          .open_files = parse_u64(trim(files.substr(0, files.find('\t')))).value_or(0)};
}

}  // namespace holdfast::agent
