// How is a fault made?
//
// With the real thing, where that can be had: signals, limits of a process, a full file system. What lies between QEMU
// and the controller is the relay's (relay.h), what is in the guest the saboteur's (helpers/saboteur.cc). The
// computer's own clock is left alone: a preloaded library moves it for holdfast (helpers/stepped_clock.cc).
#include "tools/faults_matrix/strike.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <set>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/e2e/program.h"
#include "tools/faults_matrix/relay.h"

namespace holdfast::faults {
namespace fs = std::filesystem;
namespace {

constexpr Millis kFindLimit{5000};
/// An agent is stopped when it has begun: a kernel may have to boot before that.
constexpr Millis kObeyLimit{60'000};
constexpr Millis kLook{5};
constexpr int64_t kClockStep = -30 * 3600;
constexpr const char* kFiller = "filler";

std::string signal_qemu(const Victim& victim, int signal) {
  const Deadline deadline = Deadline::after(kFindLimit);
  while (!deadline.expired()) {
    for (const pid_t pid : e2e::descendants_of(victim.controller)) {
      const auto name = read_file(fmt::format("/proc/{}/comm", pid));
      if (name && name->starts_with("qemu-system") && ::kill(pid, signal) == 0) return {};
    }
    wait_until(deadline.at_most(kLook));
  }
  return "no QEMU was found";
}

std::string give_order(const Victim& victim, std::string_view what) {
  const Deadline deadline = Deadline::after(kFindLimit);
  while (!order(victim.folder, what)) {
    if (deadline.expired()) return "the relay does not listen";
    wait_until(deadline.at_most(kLook));
  }
  return {};
}

/// Nothing is to come to the agent before: one that is stopped while it serves a request says that it does so.
std::string stop_agent(const Victim& victim) {
  if (auto unheard = give_order(victim, "stop-agent"); !unheard.empty()) return unheard;
  const Deadline deadline = Deadline::after(kObeyLimit);
  while (!fs::exists(victim.folder / kObeyed)) {
    if (deadline.expired()) return "the agent does not stop";
    wait_until(deadline.at_most(kLook));
  }
  return {};
}

std::string limit(pid_t pid, __rlimit_resource what, rlim_t value) {
  rlimit now{};
  if (::prlimit(pid, what, nullptr, &now) != 0) return fmt::format("prlimit: {}", errno_name(errno));
  now.rlim_cur = value;
  return ::prlimit(pid, what, &now, nullptr) == 0 ? "" : fmt::format("prlimit: {}", errno_name(errno));
}

std::string allow_no_memory(pid_t pid) {
  const auto statm = read_file(fmt::format("/proc/{}/statm", pid));  // proc(5): the first word is the size in pages
  const auto pages = statm ? parse_u64(split(*statm, ' ').front()) : std::nullopt;
  if (!pages) return "the size of the process is not known";
  return limit(pid, RLIMIT_AS, *pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
}

/// The lowest number that is free is the next that a file gets.
std::string allow_no_descriptors(pid_t pid) {
  std::set<uint64_t> used;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
    used.insert(parse_u64(entry.path().filename().string()).value_or(0));
  }
  uint64_t lowest = 0;
  while (used.contains(lowest)) ++lowest;
  return limit(pid, RLIMIT_NOFILE, lowest);
}

std::string remove_folder(const Victim& victim) {
  std::error_code failed;
  const fs::path run = fs::canonical(victim.out / "latest", failed);
  if (!failed) fs::remove_all(run, failed);
  return failed ? fmt::format("remove the run's folder: {}", failed.message()) : "";
}

std::string set_clock(const Victim& victim) {
  std::string bytes(sizeof kClockStep, '\0');
  std::memcpy(bytes.data(), &kClockStep, sizeof kClockStep);
  const auto fd = open_file(victim.clock, O_WRONLY);  // it is mapped, so it must stay the same file
  if (!fd || !write_all(fd->get(), bytes)) return "the clock's file cannot be written";
  return {};
}

std::string kill_controller(const Victim& victim, int signal) {
  return ::kill(victim.controller, signal) == 0 ? "" : fmt::format("kill: {}", errno_name(errno));
}

}  // namespace

std::string strike(Fault fault, const Victim& victim) {
  switch (fault) {
    case Fault::kQemuKilled:
      return signal_qemu(victim, SIGKILL);
    case Fault::kQemuStopped:
      return signal_qemu(victim, SIGSTOP);
    case Fault::kAgentKilled:
      return give_order(victim, "kill-agent");
    case Fault::kAgentStopped:
      return stop_agent(victim);
    case Fault::kSocketCut:
      return give_order(victim, "cut");
    case Fault::kHalfMessage:
      return give_order(victim, "half");
    case Fault::kConsoleSilent:
      return give_order(victim, "silence");
    case Fault::kConsoleFlooded:
      return give_order(victim, "flood");
    case Fault::kTerminated:
      return kill_controller(victim, SIGTERM);
    case Fault::kKilled:
      return kill_controller(victim, SIGKILL);
    case Fault::kDiskFull:
      return fill_disk(victim.out);
    case Fault::kFolderRemoved:
      return remove_folder(victim);
    case Fault::kClockStepped:
      return set_clock(victim);
    case Fault::kNoMemory:
      return allow_no_memory(victim.at_point);
    case Fault::kNoDescriptors:
      return allow_no_descriptors(victim.at_point);
    case Fault::kPaused:
    case Fault::kBmcAway:
      return {};
  }
  return {};
}

void pause(const Victim& victim, Millis span) {
  ::kill(victim.controller, SIGSTOP);
  ::kill(victim.at_point, SIGSTOP);
  wait_until(Deadline::after(span));
  ::kill(victim.at_point, SIGCONT);
  ::kill(victim.controller, SIGCONT);
}

std::vector<pid_t> processes_of(const std::string& variable) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto pid = parse_u64(entry.path().filename().string());
    if (!pid || static_cast<pid_t>(*pid) == ::getpid()) continue;
    const auto environment = read_file(entry.path() / "environ");  // empty for zombies
    if (!environment) continue;
    const auto words = split(*environment, '\0');
    if (std::ranges::find(words, variable) != words.end()) found.push_back(static_cast<pid_t>(*pid));
  }
  return found;
}

std::string mount_small_disk(const fs::path& folder) {
  const unsigned uid = ::getuid();
  const unsigned gid = ::getgid();
  if (::unshare(CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return fmt::format("unshare: {}", errno_name(errno));
    static_cast<void>(write_file("/proc/self/setgroups", "deny"));
    static_cast<void>(write_file("/proc/self/uid_map", fmt::format("0 {} 1\n", uid)));
    static_cast<void>(write_file("/proc/self/gid_map", fmt::format("0 {} 1\n", gid)));
  }
  ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=48m") != 0) return fmt::format("mount: {}", errno_name(errno));
  return {};
}

std::string fill_disk(const fs::path& out) {
  const auto fd = open_file(out / kFiller, O_WRONLY | O_CREAT | O_TRUNC);
  if (!fd) return fd.error().what;
  const std::string piece(65536, 'x');
  size_t step = piece.size();
  while (step > 0) {
    if (::write(fd->get(), piece.data(), step) < 0) step /= 2;  // ENOSPC: the last bytes as well
  }
  return {};
}

void make_room(const fs::path& out) {
  std::error_code ignored;
  fs::remove(out / kFiller, ignored);
}

}  // namespace holdfast::faults
