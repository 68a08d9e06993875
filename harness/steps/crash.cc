// Step: a kernel that is meant to end badly does so, and only in that way.
#include <fmt/format.h>

#include "harness/scenario.h"
#include "harness/wire/verbs_crash.h"

namespace holdfast {
namespace {

/// What every panic begins with. Source: vpanic() in kernel/panic.c of Linux 7.3.
constexpr std::string_view kPanicBegins = "Kernel panic - not syncing: ";
/// From the end of a machine to its last byte on the console.
constexpr Millis kLastWords{2000};
/// Source: sysrq_handle_crash() in drivers/tty/sysrq.c of Linux 7.3.
constexpr const char* kPanicBySysrq = "sysrq triggered crash";

}  // namespace

Result<std::string> Scenario::kexec_to_panic(Running&& old, const std::string& text, const KexecOptions& options) {
  const Console::Mark asked = setup_.target.console().mark();
  crashes_.expect_panic(text);
  TRY(leave(old, options));
  old.agent_.reset();
  auto title = TRY(in_phase<std::string>(Phase::kWait, [&](const Deadline& deadline) -> Result<std::string> {
    auto up = setup_.target.connect(deadline);
    if (up) {
      return kernel_error("no-panic",
                          fmt::format("{} came up, which had to panic with '{}'", (*up)->hello().release, text));
    }
    // The machine has to be gone: a panic that it would survive is none. What it said last may still be on its way.
    const bool gone = up.error().type() == "kernel.reset";
    if (gone) static_cast<void>(setup_.target.console().expect(text, asked, deadline.at_most(kLastWords)));
    auto said = crashes_.expected_panic();
    if (!gone || !said) return std::move(up).error();
    return *std::move(said);
  }));
  crashes_.panic_is_over();
  return title;
}

Result<CrashKernel> Scenario::load_crash_kernel(Running& kernel, const KexecOptions& options) {
  return in_phase<CrashKernel>(Phase::kLoad, [&](const Deadline& deadline) -> Result<CrashKernel> {
    const wire::KexecLoad load = TRY(make_load(kernel, options, deadline));
    TRY_IN(fmt::format("load {} for the crash", image_for(options).path.string()),
           kernel.agent().call(wire::CrashLoad{.kernel = load.kernel, .initrd = load.initrd, .cmdline = load.cmdline},
                               deadline));
    return CrashKernel{.image = &image_for(options)};
  });
}

Result<Running> Scenario::crash(Running&& old, const CrashKernel& crash_kernel) {
  ++kexecs_;
  blackout_.left(std::nullopt, kexecs_);  // nobody said when a crash began
  PciSnapshot before = TRY(look_before_leaving(old.agent()));
  intend("crash", {{"kernel", crash_kernel.image->path.string()}});
  const wire::Hello left_behind = old.agent().hello();
  TRY(in_phase<void>(Phase::kKexec, [&](const Deadline& deadline) -> Result<void> {
    const Console::Mark asked = setup_.target.console().mark();
    crashes_.expect_panic(kPanicBySysrq);
    TRY(old.agent().call(wire::CrashNow{.boot_id = left_behind.boot_id}, deadline));
    TRY(setup_.target.console().expect(kPanicBegins, asked, deadline));
    return {};
  }));
  booted_ = false;
  old.agent_.reset();

  auto agent = TRY(meet_next(left_behind, *crash_kernel.image));
  crashes_.panic_is_over();
  Running now = TRY(arrive(std::move(agent), *crash_kernel.image));
  now.before_ = std::move(before);
  return now;
}

}  // namespace holdfast
