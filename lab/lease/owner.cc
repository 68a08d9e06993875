// Which process holds a lease, and does it still live?
#include "lab/lease/owner.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <optional>
#include <system_error>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

struct Stat {
  char state = '?';
  uint64_t start = 0;
};

/// /proc/pid/stat, proc(5). The name in field 2 may hold blanks and brackets, so counting begins behind its last one.
std::optional<Stat> stat_of(pid_t pid) {
  const auto text = read_file(fmt::format("/proc/{}/stat", pid));
  if (!text) return std::nullopt;
  const size_t behind = text->rfind(") ");
  if (behind == std::string::npos) return std::nullopt;
  const auto fields = split(std::string_view(*text).substr(behind + 2), ' ');
  constexpr size_t kStart = 22 - 3;  // the first of these is field 3
  if (fields.size() <= kStart || fields[0].empty()) return std::nullopt;
  const auto start = parse_u64(fields[kStart]);
  if (!start) return std::nullopt;
  return Stat{fields[0].front(), *start};
}

std::string user_name() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : fmt::format("uid-{}", ::geteuid());
}

std::string link_text(const char* path) {
  std::error_code failed;
  const auto target = std::filesystem::read_symlink(path, failed);
  return failed ? std::string("?") : target.string();
}

}  // namespace

LeaseClock LeaseClock::real() {
  return {.since_boot =
              [] {
                timespec now{};
                ::clock_gettime(CLOCK_BOOTTIME, &now);
                return std::chrono::duration_cast<Millis>(std::chrono::seconds(now.tv_sec) +
                                                          std::chrono::nanoseconds(now.tv_nsec));
              },
          .wall = [] { return std::chrono::system_clock::now(); }};
}

Result<Owner> Owner::self() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return system_error("ask for this machine's name", errno);
  const std::string boot_id = TRY(read_file("/proc/sys/kernel/random/boot_id"));
  const auto stat = stat_of(::getpid());
  if (!stat) return lab_error("io", "read /proc/self/stat: it does not say when this process started");
  return Owner{.user = user_name(),
               .host = host.data(),
               .pid = ::getpid(),
               .start = stat->start,
               .boot_id = std::string(trim(boot_id)),
               .space = link_text("/proc/self/ns/pid") + " " + link_text("/proc/self/ns/time")};
}

Life life_of(const Owner& owner, const Owner& self) {
  if (owner.boot_id != self.boot_id || owner.space != self.space) return Life::kElsewhere;
  const auto stat = stat_of(owner.pid);
  if (!stat || stat->start != owner.start || stat->state == 'Z' || stat->state == 'X') return Life::kGone;
  return Life::kAlive;
}

}  // namespace holdfast::lab
