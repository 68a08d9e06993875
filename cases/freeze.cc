// Does the kernel refuse the kexec when a preserved device is not ready for it, and go on unharmed?
#include "fixtures/case.h"
#include "fixtures/vfio_words.h"
#include "harness/base/digest.h"
#include "harness/base/file.h"

namespace holdfast {
namespace {

HOLDFAST_CASE(
    Freeze, InterruptsOnRefuseTheKexec,
    "with an interrupt enabled reboot(KEXEC) is EINVAL each time it is asked for, and with it off the kexec works",
    .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "interrupts"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  const uint32_t kind = MUST(preferred_interrupts(scenario, kernel, bound));
  MUST(interrupt_on(scenario, kernel, bound, kind));

  // What a refusal leaves behind must be refused again, with the interrupt still on.
  for (const char* time : {"the first time", "the second time"}) {
    const std::string answer = MUST(scenario.kexec_refused(kernel));
    EXPECT_EQ(answer, "EINVAL") << time;
    const auto same = MUST(scenario.call(Phase::kBind, kernel, wire::Hello{}));
    EXPECT_EQ(same.boot_id, kernel.agent().boot_id()) << time;
  }

  MUST(interrupts_off(scenario, kernel, bound, kind));
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
}

// One kind of interrupt each: a kernel may well look at MSI-X only. The old kernel goes on with the interrupt on, and
// leaves as soon as it is off.
void refuse_with_interrupts_of(Scenario& scenario, uint32_t kind) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "interrupts"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  MUST(interrupt_on(scenario, kernel, bound, kind));

  const std::string answer = MUST(scenario.kexec_refused(kernel));
  EXPECT_EQ(answer, "EINVAL");
  const auto same = MUST(scenario.call(Phase::kBind, kernel, wire::Hello{}));
  EXPECT_EQ(same.boot_id, kernel.agent().boot_id());
  MUST(scenario.call(Phase::kBind, kernel, wire::VfioInfo{.device = bound.cdev}));

  MUST(interrupts_off(scenario, kernel, bound, kind));
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
}

HOLDFAST_CASE(Freeze, IntxOnRefusesTheKexec, "with INTx enabled reboot(KEXEC) is EINVAL, and with it off it works",
              .level = Level::kPreserve, .devices = one_device({"intx"})) {
  refuse_with_interrupts_of(scenario, kIntx);
}

HOLDFAST_CASE(Freeze, MsiOnRefusesTheKexec, "with MSI enabled reboot(KEXEC) is EINVAL, and with it off it works",
              .level = Level::kPreserve, .devices = one_device({"msi"})) {
  refuse_with_interrupts_of(scenario, kMsi);
}

HOLDFAST_CASE(Freeze, MsixOnRefusesTheKexec, "with MSI-X enabled reboot(KEXEC) is EINVAL, and with it off it works",
              .level = Level::kPreserve, .devices = one_device({"msix"})) {
  refuse_with_interrupts_of(scenario, kMsix);
}

/// Where the power management capability's control and status register stands in a device's config space, or 0.
/// Source: PCI Bus Power Management Interface Specification 1.2, 3.2: capability 1, the register at 4 of it.
uint64_t power_control_of(const PciFunctionState& function) {
  constexpr uint8_t kPowerManagement = 1;
  const auto& config = function.config;
  int left = 48;  // more capabilities do not fit into 192 bytes
  for (size_t at = config.size() > 0x34 ? config[0x34] : 0; at >= 0x40 && left > 0; --left) {
    if (at + 6 > config.size()) return 0;
    if (config[at] == kPowerManagement) return at + 4;
    at = config[at + 1];
  }
  return 0;
}

// Power state bits 1:0 of that register.
constexpr uint16_t kPowerState = 0x3;
constexpr uint16_t kD3hot = 0x3;

// vfio-pci carries out what its user writes there (vfio_pm_config_write() in drivers/vfio/pci/vfio_pci_config.c), so
// the device really sleeps. The freeze has to wake it: a device in D3hot takes neither a reset nor its config space.
HOLDFAST_CASE(Freeze, SleepingDeviceArrivesAwake,
              "a device that its user put into D3hot arrives in D0, at its address and with its config space",
              .level = Level::kPreserve, .devices = one_device({"power-management"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "asleep"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  const PciFunctionState* function = kernel.arrived().find(bound.address);
  REQUIRE_INVENTORY(function != nullptr, "nothing is at " + bound.device.bdf);
  const uint64_t control = power_control_of(*function);
  REQUIRE_INVENTORY(control != 0U, bound.device.role + " has no power management capability");
  const uint16_t awake = MUST(read_config_word(scenario, kernel, bound, control));
  MUST(write_config_word(scenario, kernel, bound, control, static_cast<uint16_t>(awake | kD3hot)));
  const uint16_t asleep = MUST(read_config_word(scenario, kernel, bound, control));
  REQUIRE_DEVICE((asleep & kPowerState) == kD3hot, bound.device.role + " did not go to sleep");

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
  const PciFunctionState* arrived = next.arrived().find(bound.address);
  ASSERT_NE(arrived, nullptr) << "nothing is at " << bound.device.bdf;
  EXPECT_EQ(config_word(*arrived, control) & kPowerState, 0) << "not in D0";
}

// kernel_kexec() looks for an image before it lets anybody freeze (kernel/kexec_core.c of Linux 7.3).
HOLDFAST_CASE(Freeze, WithoutALoadedKernelItIsRefused,
              "reboot(KEXEC) with no kernel loaded is EINVAL, and a preserved device stays as usable as before",
              .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "unloaded"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  const std::string answer = MUST(scenario.refused(Phase::kKexec, kernel, wire::KexecExecute{}));
  EXPECT_EQ(answer, "EINVAL");
  MUST(scenario.exercise(kernel, bound));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
}

wire::Bytes bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

/// Brings a file with this content to the target; gives the name that kexec_load knows it by.
Result<std::string> give(Scenario& scenario, Running& kernel, std::string_view content) {
  constexpr size_t kPiece = size_t{1} << 20;
  const std::string name = sha256(content);
  for (size_t at = 0; at < content.size(); at += kPiece) {
    TRY(scenario.call(
        Phase::kLoad, kernel,
        wire::Put{
            .sha256 = name, .total_size = content.size(), .offset = at, .blob = bytes_of(content.substr(at, kPiece))}));
  }
  return name;
}

/// Loading `content` as a kernel is ENOEXEC, and does no harm: the real one is loaded afterwards, and works.
void refuse_as_kernel(Scenario& scenario, Running kernel, std::string_view content) {
  const std::string name = MUST(give(scenario, kernel, content));
  const std::string answer = MUST(
      scenario.refused(Phase::kLoad, kernel, wire::KexecLoad{.kernel = name, .initrd = "same", .cmdline = "broken"}));
  EXPECT_EQ(answer, "ENOEXEC");
  Running next = MUST(scenario.kexec(std::move(kernel)));
  MUST(scenario.verify(next));
}

// bzImage64_probe() in arch/x86/kernel/kexec-bzimage64.c of Linux 7.3 looks for the header.
HOLDFAST_CASE(Freeze, GarbageIsNoKernel,
              "loading a file that is no kernel is ENOEXEC, and the kernel that is loaded after it comes up",
              .level = Level::kKexec) {
  refuse_as_kernel(scenario, MUST(scenario.boot()), std::string(size_t{64} << 10, 'x'));
}

// bzImage64_load() there misses the end of the setup code, whose length the header gives (17 KiB here). What lacks
// behind that it cannot know of.
HOLDFAST_CASE(Freeze, TruncatedImageIsNoKernel,
              "loading the first kilobytes of a bzImage is ENOEXEC, and the kernel that is loaded after it comes up",
              .level = Level::kKexec) {
  constexpr size_t kHeaderAndLittleMore = 2048;
  Running kernel = MUST(scenario.boot());
  const std::string image = MUST(read_file(kernel.kernel().path));
  ASSERT_GT(image.size(), kHeaderAndLittleMore);
  refuse_as_kernel(scenario, std::move(kernel), std::string_view(image).substr(0, kHeaderAndLittleMore));
}

HOLDFAST_CASE(Freeze, SecondLoadReplacesTheFirst,
              "of two kernels that are loaded one after the other the second comes up, with its command line",
              .level = Level::kKexec) {
  Running kernel = MUST(scenario.boot());
  const std::string image = MUST(read_file(kernel.kernel().path));
  const std::string name = MUST(give(scenario, kernel, image));
  const wire::KexecLoad first{
      .kernel = name, .initrd = "same", .cmdline = kernel.agent().hello().cmdline + " holdfast.load=first"};
  MUST(scenario.call(Phase::kLoad, kernel, first));

  Running next = MUST(scenario.kexec(std::move(kernel), {.append = "holdfast.load=second"}));
  const std::string& cmdline = next.agent().hello().cmdline;
  EXPECT_NE(cmdline.find("holdfast.load=second"), std::string::npos) << cmdline;
  EXPECT_EQ(cmdline.find("holdfast.load=first"), std::string::npos) << cmdline;
  MUST(scenario.verify(next));
}

}  // namespace
}  // namespace holdfast
