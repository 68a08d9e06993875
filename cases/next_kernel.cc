// What is left of a live update when the next kernel does not come up, or when the old one crashes before it goes?
#include "fixtures/case.h"
#include "harness/base/text.h"
#include "harness/wire/verbs_crash.h"

namespace holdfast {
namespace {

/// Nothing under this name has come from an earlier kernel.
Result<std::string> retrieving(Scenario& scenario, Running& kernel, const std::string& session) {
  return scenario.refused(Phase::kRetrieve, kernel, wire::LuoSessionRetrieve{.name = session});
}

// A kernel with neither an init in its initramfs nor a root file system panics (mount_root_generic() in
// init/do_mounts.c), and with panic=-1 resets the machine at once.
HOLDFAST_CASE(NextKernel, PanicLeavesNothingBehind,
              "when the next kernel panics and the firmware boots kernel A again, no session is offered",
              .level = Level::kPreserve, .devices = one_device(), .target_traits = {"emulated"},
              .timeout = std::chrono::seconds(180)) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "lost"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  const std::string boot_id = kernel.agent().boot_id();
  MUST(scenario.kexec_to_panic(std::move(kernel), "Unable to mount root fs", {.append = "rdinit=/nowhere"}));

  Running again = MUST(scenario.boot());
  EXPECT_NE(again.agent().boot_id(), boot_id);
  const std::string answer = MUST(retrieving(scenario, again, "lost"));
  EXPECT_EQ(answer, "ENOENT");
  Bound afresh = MUST(scenario.bind(again, scenario.device()));
  MUST(scenario.exercise(again, afresh));
  Session next_try = MUST(scenario.create_session(again, "lost"));
  MUST(scenario.preserve(again, next_try, afresh, 1));
}

// KHO gives nothing to a crash kernel, and a crash kernel takes nothing: kho_fill_kimage() and kho_memory_init() in
// kernel/liveupdate/kexec_handover.c. The scratch areas are given in figures, since their usual size counts the memory
// that is set aside for the crash kernel too.
HOLDFAST_CASE(NextKernel, CrashKernelIsOfferedNothing,
              "when a kernel with a preserved device crashes, its crash kernel has the dump and no /dev/liveupdate",
              .level = Level::kPreserve, .devices = one_device(), .target_traits = {"emulated"},
              .symbols = {{"CRASH_DUMP", "a kernel for the crash"},
                          {"PROC_VMCORE", "what it has of the one before"},
                          {"MAGIC_SYSRQ", "the way to crash it"}},
              .timeout = std::chrono::seconds(180)) {
  Running kernel = MUST(scenario.boot({.append = "crashkernel=128M kho_scratch=16M,64M,32M"}));
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  CrashKernel crash_kernel = MUST(scenario.load_crash_kernel(kernel, {.append = "nr_cpus=1 reset_devices"}));
  Running after = MUST(scenario.crash(std::move(kernel), crash_kernel));
  const auto offers = MUST(scenario.call(Phase::kVerify, after, wire::Offers{}));
  EXPECT_FALSE(offers.liveupdate);
  EXPECT_EQ(errno_name(offers.liveupdate_errno), "ENOENT");
  const auto dump = MUST(scenario.call(Phase::kVerify, after, wire::Vmcore{}));
  EXPECT_TRUE(dump.is_elf) << "/proc/vmcore has no memory of the kernel that crashed";
}

}  // namespace
}  // namespace holdfast
