// Which process made a temporary folder?
#include "harness/base/temp_name.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/text.h"

namespace holdfast {
namespace {

constexpr size_t kRandom = 6;

/// Of the namespace of process numbers; 0 when /proc does not say.
std::string own_space() {
  struct stat facts{};
  return fmt::format("{:x}", ::stat("/proc/self/ns/pid", &facts) == 0 ? facts.st_ino : 0);
}

}  // namespace

std::string temp_template(std::string_view prefix) {
  return fmt::format("{}-{}.{}-{}", prefix, ::getpid(), own_space(), std::string(kRandom, 'X'));
}

std::optional<TempOwner> temp_owner(std::string_view name) {
  if (!name.starts_with("holdfast") && !name.starts_with("hf")) return std::nullopt;
  const auto parts = split(name, '-');
  if (parts.size() < 3 || parts.back().size() != kRandom) return std::nullopt;
  const auto maker = split(parts[parts.size() - 2], '.');
  if (maker.size() != 2 || maker[1].find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return std::nullopt;
  const auto pid = parse_u64(maker[0]);
  constexpr uint64_t kLargestPid = uint64_t{1} << 22;  // proc(5), /proc/sys/kernel/pid_max
  if (!pid || *pid == 0 || *pid > kLargestPid || maker[1].empty()) return std::nullopt;
  return TempOwner{.pid = static_cast<pid_t>(*pid), .here = maker[1] == own_space()};
}

}  // namespace holdfast
