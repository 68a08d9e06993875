// How is a kernel loaded for the case of a crash, and how is that crash brought about?
#include "harness/agent/crash.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string_view>

#include "harness/agent/kexec.h"
#include "harness/agent/registry.h"
#include "harness/agent/sysfs.h"
#include "harness/base/deadline.h"
#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

// Source: include/uapi/linux/kexec.h of Linux 7.3.
constexpr unsigned long kKexecFileOnCrash = 2;

/// From the reply's last byte written to its arrival outside: nothing carries it on once the kernel has crashed.
constexpr Millis kReplyGetsThrough{200};

/// Says "1" while a kernel for the crash is loaded. Source: kernel/ksysfs.c of Linux 7.3.
constexpr const char* kCrashLoaded = "/sys/kernel/kexec_crash_loaded";

/// Source: Documentation/admin-guide/sysrq.rst of Linux 7.3: "c" is a crash by panic(), whatever kernel.sysrq allows.
constexpr const char* kSysrq = "/proc/sysrq-trigger";

void trigger(const Fd& sysrq) {
  wait_until(Deadline::after(kReplyGetsThrough));
  static_cast<void>(write_all(sysrq.get(), "c"));
}

Result<wire::Empty> load(State& state, const wire::CrashLoad& request) {
  // A machine that is not ours alone may have a crash kernel of its own, which nothing would put back.
  if (!state.hello.is_init) return bad_request("crash_load is for an agent that is its machine's init");
  const ImageToLoad image{.kernel = request.kernel, .initrd = request.initrd, .cmdline = request.cmdline};
  TRY(load_image(state, image, kKexecFileOnCrash));
  state.crash_kernel_loaded = true;
  return wire::Empty{};
}

Result<wire::Empty> crash(State& state, const wire::CrashNow& request) {
  TRY(may_crash({.is_init = state.hello.is_init,
                 .loaded_by_us = state.crash_kernel_loaded,
                 .loaded_now = read_line(kCrashLoaded) == "1",
                 .right_kernel = !request.boot_id.empty() && request.boot_id == state.hello.boot_id}));
  auto sysrq = std::make_shared<Fd>(::open(kSysrq, O_WRONLY | O_CLOEXEC));
  if (!*sysrq) return kernel_refused(fmt::format("open {} (does the kernel have MAGIC_SYSRQ?)", kSysrq), errno);
  ::sync();
  state.after_reply = [sysrq] { trigger(*sysrq); };
  return wire::Empty{};
}

/// Source: fs/proc/vmcore.c of Linux 7.3: the file is there only in a crash kernel that found the old one's headers.
Result<wire::VmcoreReply> vmcore(State&, const wire::Vmcore&) {
  wire::VmcoreReply reply;
  const Fd fd(::open("/proc/vmcore", O_RDONLY | O_CLOEXEC));
  struct stat facts{};
  if (!fd || ::fstat(fd.get(), &facts) != 0) return reply;
  reply.size = static_cast<uint64_t>(facts.st_size);
  std::array<char, 4> magic{};
  reply.is_elf = ::read(fd.get(), magic.data(), magic.size()) == 4 && std::string_view(magic.data(), 4) == "\177ELF";
  return reply;
}

}  // namespace

Result<void> may_crash(const CrashConditions& conditions) {
  if (!conditions.is_init) return bad_request("crash_now is for an agent that is its machine's init");
  if (!conditions.right_kernel) return bad_request("crash_now is for a kernel of another boot id");
  if (!conditions.loaded_by_us) return bad_request("crash_now without a kernel that crash_load has loaded");
  if (!conditions.loaded_now) return bad_request("crash_now, but the kernel for the crash is not loaded any more");
  return {};
}

void add_crash_verbs(Registry& registry) {
  registry.add(load);
  registry.add(crash);
  registry.add(vmcore);
}

}  // namespace holdfast::agent
