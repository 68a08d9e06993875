// How is the next kernel loaded, and how does the machine go into it?
#include "harness/agent/kexec.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/reboot.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "harness/agent/disks.h"
#include "harness/agent/identity.h"
#include "harness/agent/registry.h"
#include "harness/agent/server.h"
#include "harness/agent/still_udev.h"
#include "harness/agent/sysfs.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/wire/payload_layout.h"

namespace holdfast::agent {
namespace {

// Source: include/uapi/linux/kexec.h of Linux 7.3.
constexpr unsigned long kKexecFileUnload = 1;
constexpr unsigned long kKexecFileNoInitramfs = 4;

/// How long the controller's word that it heard `leaving` is waited for.
constexpr Millis kFarewell{1000};

/// How long the kernel may take to make busy file systems read-only: what they have is written first.
constexpr Millis kRestPatience{20'000};

/// reboot(2) itself: the libc's wrapper cannot ask for LINUX_REBOOT_CMD_KEXEC on every libc, and nothing else must run.
int reboot_call(unsigned command) {
  return static_cast<int>(::syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, nullptr));
}

/// Copies what follows in `from`, up to `limit` bytes, to the end of `to`; gives how much that was.
Result<uint64_t> append(int from, int to, uint64_t limit = UINT64_MAX) {
  constexpr uint64_t kPiece = uint64_t{1} << 30;
  uint64_t copied = 0;
  while (copied < limit) {
    const ssize_t sent = ::sendfile(to, from, nullptr, static_cast<size_t>(std::min(kPiece, limit - copied)));
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return system_error("put the parts of an initrd together", errno);
    if (sent == 0) break;
    copied += static_cast<uint64_t>(sent);
  }
  return copied;
}

Result<Fd> file_in_memory() {
  Fd file(::memfd_create("initrd", MFD_CLOEXEC));
  if (!file) return system_error("make a file in memory", errno);
  return file;
}

/// The kernel reads no file that somebody could write to meanwhile. Source: kernel_read_file() of Linux 7.3.
Result<Fd> only_readable(const Fd& file) { return open_file(fmt::format("/proc/self/fd/{}", file.get()), O_RDONLY); }

/// The initrd that this kernel was started with, as far as the next one needs it; there only with retain_initrd on its
/// command line. All that is loaded is hashed twice, by this kernel and before the next one's first step, and the files
/// that a payload carries are most of it.
Result<Fd> own_initrd() {
  constexpr const char* kRetained = "/sys/firmware/initrd";
  Fd fd(::open(kRetained, O_RDONLY | O_CLOEXEC));
  if (!fd) {
    const int errnum = errno;
    return kernel_refused(fmt::format("open {} (is retain_initrd on the command line?)", kRetained), errnum);
  }
  const auto vital = parse_u64(read_line(wire::kVitalSizeFile));
  return vital ? first_bytes(fd.get(), *vital) : Result<Fd>(std::move(fd));
}

/// One file, or "A+B": archives that stand one behind the other are unpacked one after the other. So the large part of
/// a payload can stay on the target, and only what is a boot's own is sent.
Result<Fd> open_initrd(const State& state, const std::string& initrd) {
  if (initrd == "same") return own_initrd();
  const auto parts = split(initrd, '+');
  if (parts.size() == 1) return state.files.open(initrd);
  const Fd whole = TRY(file_in_memory());
  for (const std::string_view part : parts) {
    const Fd file = TRY(state.files.open(std::string(part)));
    TRY(append(file.get(), whole.get()));
  }
  return only_readable(whole);
}

Result<wire::Empty> load(State& state, const wire::KexecLoad& request) {
  TRY(load_image(state, {.kernel = request.kernel, .initrd = request.initrd, .cmdline = request.cmdline}, 0));
  return wire::Empty{};
}

Result<wire::Empty> unload(State&, const wire::KexecUnload&) {
  if (::syscall(SYS_kexec_file_load, -1, -1, 0UL, nullptr, kKexecFileUnload) != 0) {
    return kernel_refused("unload the kexec kernel", errno);
  }
  return wire::Empty{};
}

/// Says `leaving` and waits for the echo: only then has it passed everything that carries the link, whose devices the
/// kernel is about to shut down.
void say_farewell(Channel& channel) {
  if (!channel.send(wire::make_event(wire::Leaving{.uptime_ms = uptime_ms()}))) return;
  const Deadline patience = Deadline::after(kFarewell);
  std::deque<wire::Message> others;
  while (auto came = channel.receive(patience)) {
    auto* message = std::get_if<wire::Message>(&*came);
    if (message == nullptr) continue;
    const auto envelope = wire::open_envelope(*message);
    if (envelope && envelope->name == wire::Leaving::kEvent) break;
    others.push_front(std::move(*message));
  }
  // Should the kernel refuse to go, what was asked meanwhile is answered.
  for (wire::Message& message : others) channel.put_back(std::move(message));
}

/// Returns only with the kernel's refusal. LUO freezes what is preserved inside this call.
Result<wire::Empty> execute(State& state, const wire::KexecExecute& request) {
  StillUdev udev;
  RestingDisks disks;
  if (request.rest_disks) {
    const Deadline deadline = Deadline::after(kRestPatience, state.stop);
    udev = StillUdev::make(StillUdev::kService, deadline);
    disks = TRY(RestingDisks::make({}, deadline));
  }
  ::sync();
  if (state.channel != nullptr) say_farewell(*state.channel);
  reboot_call(LINUX_REBOOT_CMD_KEXEC);
  const int errnum = errno;
  const bool loaded = read_line("/sys/kernel/kexec_loaded") != "0";
  for (const std::string& failed : disks.undo()) say(fmt::format("still read-only: {}", failed));
  return kernel_refused(loaded ? "reboot(KEXEC)" : "reboot(KEXEC) with no kernel loaded", errnum);
}

Result<wire::Empty> power_off(State& state, const wire::PowerOff&) {
  if (!state.hello.is_init) return bad_request("power_off is for an agent that is its machine's init");
  state.after_reply = [] {
    ::sync();
    reboot_call(LINUX_REBOOT_CMD_POWER_OFF);
  };
  return wire::Empty{};
}

}  // namespace

Result<Fd> first_bytes(int from, uint64_t size) {
  const Fd file = TRY(file_in_memory());
  const uint64_t copied = TRY(append(from, file.get(), size));
  if (copied < size) return system_error(fmt::format("an initrd of {} bytes is to have {}", copied, size), EIO);
  return only_readable(file);
}

Result<void> load_image(State& state, const ImageToLoad& image, unsigned long flags) {
  const Fd kernel = TRY(state.files.open(image.kernel));
  Fd initrd;
  if (image.initrd.empty()) {
    flags |= kKexecFileNoInitramfs;
  } else {
    initrd = TRY(open_initrd(state, image.initrd));
  }
  const std::string& cmdline = image.cmdline;
  if (::syscall(SYS_kexec_file_load, kernel.get(), initrd.get(), cmdline.size() + 1, cmdline.c_str(), flags) != 0) {
    return kernel_refused(
        fmt::format("kexec_file_load of {} with initrd \"{}\"", image.kernel.substr(0, 12), image.initrd.substr(0, 12)),
        errno);
  }
  return {};
}

void add_kexec_verbs(Registry& registry) {
  registry.add(load);
  registry.add(unload);
  registry.add(execute);
  registry.add(power_off);
}

}  // namespace holdfast::agent
