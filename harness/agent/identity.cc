// Which agent is this, and on which kernel does it run?
#include "harness/agent/identity.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <time.h>

#include <cstring>

#include "harness/agent/sysfs.h"
#include "harness/base/digest.h"
#include "harness/base/file.h"

namespace holdfast::agent {

uint64_t uptime_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

uint64_t began_ms() {
  static const uint64_t began = uptime_ms();
  return began;
}

/// Source: ELF specification, "Note Section": sizes of name and description, type, then both, each padded to 4 bytes.
std::string build_id_in(std::string_view notes) {
  constexpr uint32_t kGnuBuildId = 3;
  constexpr size_t kHead = 12;
  const auto padded = [](size_t size) { return (size + 3) & ~size_t{3}; };
  while (notes.size() >= kHead) {
    uint32_t name_size = 0;
    uint32_t size = 0;
    uint32_t type = 0;
    std::memcpy(&name_size, notes.data(), 4);
    std::memcpy(&size, notes.data() + 4, 4);
    std::memcpy(&type, notes.data() + 8, 4);
    notes.remove_prefix(kHead);
    if (padded(name_size) > notes.size() || size > notes.size() - padded(name_size)) return {};
    const std::string_view name = notes.substr(0, name_size);
    const std::string_view description = notes.substr(padded(name_size), size);
    if (type == kGnuBuildId && name == std::string_view("GNU\0", 4)) {
      std::string hex;
      for (const char c : description) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
      return hex;
    }
    notes.remove_prefix(std::min(notes.size(), padded(name_size) + padded(size)));
  }
  return {};
}

namespace {

/// A payload may carry the checksum of the agent in it: hashing two megabytes takes a tenth of a second on an emulated
/// CPU, at each boot, before the agent can say hello.
Result<std::string> own_build(bool is_init) {
  const std::string carried = is_init ? read_line("/holdfast/agent.sha256") : std::string();
  if (!carried.empty()) return carried;
  return sha256_file("/proc/self/exe");
}

}  // namespace

wire::Hello introduce(bool is_init, std::vector<std::string> warnings) {
  wire::Hello hello;
  hello.is_init = is_init;
  hello.warnings = std::move(warnings);
  if (auto build = own_build(is_init)) {
    hello.agent_build = *build;
  } else {
    hello.warnings.push_back(build.error().what);
  }
  hello.boot_id = read_line("/proc/sys/kernel/random/boot_id");
  if (hello.boot_id.empty()) hello.warnings.push_back("/proc/sys/kernel/random/boot_id cannot be read");
  hello.cmdline = read_line("/proc/cmdline");
  if (const auto notes = read_file("/sys/kernel/notes", size_t{1} << 20)) hello.build_id = build_id_in(*notes);
  utsname name{};
  ::uname(&name);
  hello.release = name.release;
  hello.version = name.version;
  hello.uptime_ms = uptime_ms();
  return hello;
}

}  // namespace holdfast::agent
