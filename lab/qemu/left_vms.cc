// Which virtual machines run on although the process that started them is gone?
//
// QEMU is killed with the process that started it (harness/base/process.h). That does not reach one that was started by
// way of a script, or that gained rights when it was executed: the kernel forgets the wish then (prctl(2),
// PR_SET_PDEATHSIG).
#include "lab/qemu/left_vms.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <optional>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = "HOLDFAST_VM_OF";
/// From SIGKILL to the end of a process that may have much memory to give back.
constexpr Millis kEnding{10'000};

/// "4711 8123456 <boot id> <namespaces>".
std::string text_of(const Owner& owner) {
  return fmt::format("{} {} {} {}", owner.pid, owner.start, owner.boot_id, owner.space);
}

std::optional<Owner> owner_from(std::string_view text) {
  const auto words = split(text, ' ');
  if (words.size() < 4) return std::nullopt;
  const auto pid = parse_u64(words[0]);
  const auto start = parse_u64(words[1]);
  if (!pid || !start || *pid > INT_MAX) return std::nullopt;
  Owner owner{.pid = static_cast<pid_t>(*pid), .start = *start, .boot_id = std::string(words[2])};
  owner.space = text.substr(words[0].size() + words[1].size() + words[2].size() + 3);
  return owner;
}

struct MarkedVm {
  std::string name;
  Owner owner;
};

/// Nothing for whatever is no QEMU of ours. Another user's environment cannot be read.
std::optional<MarkedVm> look_at(const fs::path& process) {
  const auto environment = read_file(process / "environ");
  if (!environment) return std::nullopt;
  const std::string wanted = fmt::format("{}=", kMark);
  const auto variables = split(*environment, '\0');
  const auto mark = std::ranges::find_if(variables, [&](std::string_view one) { return one.starts_with(wanted); });
  if (mark == variables.end()) return std::nullopt;
  const auto cmdline = read_file(process / "cmdline");
  const auto words = cmdline ? split(*cmdline, '\0') : std::vector<std::string_view>();
  if (words.empty() || !fs::path(words[0]).filename().string().starts_with("qemu-system-")) return std::nullopt;
  const auto name = std::ranges::find(words, "-name");
  const auto owner = owner_from(mark->substr(wanted.size()));
  if (!owner || words.end() - name < 2 || !(name + 1)->starts_with("holdfast-")) return std::nullopt;
  return MarkedVm{.name = std::string(*(name + 1)), .owner = *owner};
}

Result<void> end_vm(pid_t pid, const fs::path& process, const Owner& self, const Deadline& deadline) {
  // From here on the number cannot come to mean another process; so what it means is looked at once more.
  const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!handle) return errno == ESRCH ? Result<void>() : system_error("get hold of the process", errno);
  const auto vm = look_at(process);
  if (!vm || life_of(vm->owner, self) != Life::kGone) return lab_error("busy", "it is another process by now");
  if (::syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH) {
    return system_error("kill it", errno);
  }
  const Deadline soon = deadline.at_most(kEnding);
  pollfd ended{.fd = handle.get(), .events = POLLIN, .revents = 0};
  while (::poll(&ended, 1, static_cast<int>(Millis(100).count())) <= 0) {
    if (soon.expired() || soon.stopped()) return lab_error("timeout", "it was killed, and has not ended");
  }
  return {};
}

}  // namespace

Result<std::map<std::string, std::string>> mark_of_vm() {
  return std::map<std::string, std::string>{{kMark, text_of(TRY(Owner::self()))}};
}

std::vector<Leftover> left_vms(const Owner& self, const fs::path& proc) {
  std::vector<Leftover> left;
  std::error_code failed;
  for (fs::directory_iterator entry(proc, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    const auto pid = parse_u64(entry->path().filename().string());
    const auto vm = pid ? look_at(entry->path()) : std::nullopt;
    if (!vm || life_of(vm->owner, self) != Life::kGone) continue;
    left.push_back({.what = fmt::format("QEMU process {}, machine {}", *pid, printable(vm->name)),
                    .whose = fmt::format("of process {}, which is gone", vm->owner.pid),
                    .done = "ended",
                    .clean = [pid = static_cast<pid_t>(*pid), process = entry->path(), self](const Deadline& deadline) {
                      return end_vm(pid, process, self, deadline);
                    }});
  }
  return left;
}

}  // namespace holdfast::lab
