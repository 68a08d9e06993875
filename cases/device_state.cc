// In which state does a preserved device arrive, and does it work from there as fully as it did before?
#include <algorithm>

#include "fixtures/case.h"
#include "fixtures/edu.h"
#include "harness/wire/verbs_registers.h"

namespace holdfast {
namespace {

constexpr uint64_t kBytes = uint64_t{1} << 16;

// A register that every NVMe controller has in BAR 0, that keeps what is written to it, and that each reset of the
// controller, a function level reset among them, clears: Controller Configuration. The value asks for queue entries of
// 64 and 16 bytes and does not enable the controller. Source: NVM Express Base Specification 2.0, 3.1.3.5 and 3.7.2.
// Not each emulated device will do: QEMU 7.2's e1000e is "reset" by power management, which clears nothing in it, and
// its virtio devices have a driver in kernel B that resets them.
constexpr uint32_t kScratchBar = 0;
constexpr uint64_t kScratch = 0x14;
constexpr uint32_t kScratchValue = 0x00460000;
constexpr uint32_t kScratchAfterReset = 0;

// Kernel B's own driver would use the register before anybody can look at it.
constexpr std::string_view kNoDriver = "initcall_blacklist=nvme_init";

/// Writes the scratch register through the vfio file and reads it back.
Result<uint32_t> write_scratch(Scenario& scenario, Running& kernel, const Bound& bound) {
  TRY(turn_on(scenario, kernel, bound, kCommandMemory));
  TRY(scenario.call(
      Phase::kExercise, kernel,
      wire::VfioWrite{
          .device = bound.cdev, .region = kScratchBar, .offset = kScratch, .blob = to_bytes(kScratchValue)}));
  const auto read =
      TRY(scenario.call(Phase::kExercise, kernel,
                        wire::VfioRead{.device = bound.cdev, .region = kScratchBar, .offset = kScratch, .length = 4}));
  return from_bytes<uint32_t>(read.blob);
}

/// The scratch register without any driver: opening the device through vfio would reset it.
Result<uint32_t> look_at_scratch(Scenario& scenario, Running& kernel, const Bound& bound) {
  const auto read = TRY(
      scenario.call(Phase::kVerify, kernel,
                    wire::PciBarRead{.bdf = bound.device.bdf, .bar = kScratchBar, .offset = kScratch, .length = 4}));
  return from_bytes<uint32_t>(read.blob);
}

HOLDFAST_CASE(DeviceState, DeviceArrivesReset,
              "a register that was written before the kexec has its reset value before anybody opens the device again",
              .level = Level::kPreserve, .devices = one_device({"nvme-registers", "reset"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  const uint32_t written = MUST(write_scratch(scenario, kernel, bound));
  REQUIRE_DEVICE(written == kScratchValue, "the register does not keep what is written to it");

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
  const uint32_t arrived = MUST(look_at_scratch(scenario, next, bound));
  EXPECT_EQ(arrived, kScratchAfterReset) << bound.device.bdf << " was not reset on its way";
}

// The control for the case above: a device that nobody preserves is not reset by a kexec, nor by looking at it.
HOLDFAST_CASE(DeviceState, RegisterOutlivesAPlainKexec,
              "a register of a device that nobody resets is found as it was left, so that a reset can be told",
              .level = Level::kPreserve, .devices = one_device({"nvme-registers", "reset"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  const uint32_t written = MUST(write_scratch(scenario, kernel, bound));
  REQUIRE_DEVICE(written == kScratchValue, "the register does not keep what is written to it");

  Running next = MUST(scenario.kexec(std::move(kernel), {.append = std::string(kNoDriver)}));
  const uint32_t arrived = MUST(look_at_scratch(scenario, next, bound));
  if (arrived != kScratchValue) harness_is_blind("the register was cleared although nobody reset the device");
}

// SERR# enable is set before the device is opened, so it belongs to what the kernel has to bring back. The reset clears
// it, and kernel B does not turn it on by itself: it is there only if config space was restored. (A device whose config
// space outlives its reset, as QEMU's e1000e, can pass without that; UsersConfigSpaceIsNotHandedOver is for those.)
HOLDFAST_CASE(DeviceState, ConfigSpaceIsRestored,
              "after the reset on its way a device has the config space that it was opened with",
              .level = Level::kPreserve, .devices = every_device({"reset"})) {
  Running kernel = MUST(scenario.boot());
  const PciFunctionState* found = kernel.arrived().find(MUST(PciAddress::parse(scenario.device().bdf)));
  REQUIRE_INVENTORY(found != nullptr, "nothing is at " + scenario.device().bdf);
  Bound bound = MUST(scenario.bind_driver(kernel, scenario.device()));
  const auto command = static_cast<uint16_t>(config_word(*found, kCommand) | kCommandSerr);
  MUST(scenario.call(Phase::kBind, kernel,
                     wire::PciConfigWrite{.bdf = bound.device.bdf, .offset = kCommand, .blob = to_bytes(command)}));
  const auto list = MUST(scenario.call(Phase::kBind, kernel, wire::PciList{}));
  const PciSnapshot now = MUST(PciSnapshot::from(list));
  const PciFunctionState* written = now.find(bound.address);
  REQUIRE_DEVICE(written != nullptr && (config_word(*written, kCommand) & kCommandSerr) != 0,
                 "the device has no SERR# enable that could be set");
  MUST(scenario.open(kernel, bound));
  const uint16_t opened = MUST(read_config_word(scenario, kernel, bound, kCommand));
  ASSERT_NE(opened & kCommandSerr, 0) << "opening the device lost a bit of its config space";
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
}

// "What the user made of config space is not for the next kernel": it is that of the moment when the device was opened.
HOLDFAST_CASE(DeviceState, UsersConfigSpaceIsNotHandedOver,
              "what the user changed in config space after opening the device is undone in the next kernel",
              .level = Level::kPreserve, .devices = every_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  const auto listed = MUST(scenario.call(Phase::kSnapshot, kernel, wire::PciList{}));
  const PciSnapshot opened = MUST(PciSnapshot::from(listed));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  const uint16_t found = MUST(read_config_word(scenario, kernel, bound, kCommand));
  MUST(turn_on(scenario, kernel, bound, kCommandMaster));
  MUST(flip_serr(scenario, kernel, bound));
  const uint16_t changed = MUST(read_config_word(scenario, kernel, bound, kCommand));
  REQUIRE_DEVICE(changed == ((found | kCommandMaster) ^ kCommandSerr), "the device does not take what its user writes");

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  const auto differences =
      forbidden(compare(opened, next.arrived(), {.reset = {bound.address}, .ignore_drivers = true}));
  EXPECT_TRUE(differences.empty()) << format_diff(differences);
}

// The interrupt is raised with nobody to take it, so that its line is still asserted when the kexec comes.
HOLDFAST_CASE(DeviceState, PendingInterruptIsNotHandedOver,
              "an interrupt that was pending before the kexec is not pending in the next kernel",
              .level = Level::kPreserve, .devices = one_device({"dma-engine", "intx", "reset"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Edu edu(scenario, kernel, bound);
  MUST(edu.enable());
  MUST(edu.raise());
  const uint16_t before = MUST(read_config_word(scenario, kernel, bound, kStatus));
  REQUIRE_DEVICE((before & kStatusInterrupt) != 0, "the device shows no interrupt although it raised one");

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
  const PciFunctionState* arrived = next.arrived().find(bound.address);
  ASSERT_NE(arrived, nullptr) << "nothing is at " << bound.device.bdf;
  EXPECT_EQ(config_word(*arrived, kStatus) & kStatusInterrupt, 0) << bound.device.bdf << " still asks for attention";
}

bool all_zero(const wire::Bytes& bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

// The memory that the device writes to goes along in the session, so that kernel B can look at it. A thread keeps the
// engine running to the last; when the device is frozen it fills the memory with zeros. A transfer that was under way
// then and got through all the same shows up as bytes that are not zero.
HOLDFAST_CASE(DeviceState, NoDmaAfterTheFreeze,
              "a device that is in the middle of DMA when the kexec comes writes nothing once it is frozen",
              .level = Level::kPreserve, .devices = one_device({"dma-engine"})) {
  constexpr uint64_t kFirst = 0;
  constexpr uint64_t kTarget = 4096;
  constexpr uint64_t kElsewhere = 8192;
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Memory memory = MUST(scenario.create_memory(kernel, kBytes));
  MUST(scenario.preserve(kernel, session, memory, 2));
  Edu edu(scenario, kernel, bound);
  MUST(edu.enable());
  MUST(edu.map(memory));
  MUST(edu.take_from_memory(kFirst, Edu::kMostBytes));
  MUST(edu.put_into_memory(kTarget, Edu::kMostBytes));
  const auto sent = MUST(edu.memory_at(kFirst, Edu::kMostBytes));
  const auto put = MUST(edu.memory_at(kTarget, Edu::kMostBytes));
  ASSERT_TRUE(sent == put) << "the engine does not write even before the freeze";
  MUST(edu.keep_putting_until_frozen(kTarget, Edu::kMostBytes));

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  Session arrived = MUST(scenario.retrieve_session(next, "device"));
  Memory back = MUST(scenario.retrieve(next, arrived, memory, 2));
  const auto bytes_at = [&](uint64_t offset) {
    return scenario.call(Phase::kVerify, next,
                         wire::MemfdRead{.memfd = back.memfd, .offset = offset, .length = Edu::kMostBytes});
  };
  const auto elsewhere = MUST(bytes_at(kElsewhere));
  if (!all_zero(elsewhere.blob)) return harness_is_blind("the memory was not wiped between the freeze and the kexec");
  const auto target = MUST(bytes_at(kTarget));
  EXPECT_TRUE(all_zero(target.blob)) << "the device wrote after it was frozen";
  MUST(scenario.verify(next));
}

// The control for the cases about DMA: bytes reach memory because the device masters the bus, and for no other reason.
HOLDFAST_CASE(DeviceState, EngineNeedsBusMastering,
              "without bus mastering a transfer leaves memory as it was, so that one that happens can be told",
              .level = Level::kPreserve, .devices = one_device({"dma-engine"})) {
  constexpr uint64_t kTarget = 4096;
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  const Memory memory = MUST(scenario.create_memory(kernel, kBytes));
  Edu edu(scenario, kernel, bound);
  MUST(edu.map(memory));
  MUST(turn_on(scenario, kernel, bound, kCommandMemory));
  const auto before = MUST(edu.memory_at(kTarget, Edu::kMostBytes));
  MUST(edu.put_into_memory(kTarget, Edu::kMostBytes));
  const auto without = MUST(edu.memory_at(kTarget, Edu::kMostBytes));
  MUST(edu.enable());
  MUST(edu.put_into_memory(kTarget, Edu::kMostBytes));
  const auto with = MUST(edu.memory_at(kTarget, Edu::kMostBytes));
  if (before != without) harness_is_blind("DMA got through with bus mastering off");
  if (with == before) harness_is_blind("DMA changes nothing although bus mastering is on");
}

/// A device that was preserved in the first kernel and is open, bound to an iommufd and finished in the next.
struct Returned {
  Running kernel;
  Bound bound;
};

/// From power off to there.
Result<Returned> bring_over(Scenario& scenario) {
  Running kernel = TRY(scenario.boot());
  Bound bound = TRY(scenario.bind(kernel, scenario.device()));
  Session session = TRY(scenario.create_session(kernel, "device"));
  TRY(scenario.preserve(kernel, session, bound, 1));
  Running next = TRY(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  TRY(scenario.verify(next));
  Bound arrived = TRY(scenario.bind_driver(next, scenario.device()));
  Session incoming = TRY(scenario.retrieve_session(next, "device"));
  Bound back = TRY(scenario.retrieve(next, incoming, arrived, 1));
  TRY(scenario.finish(next, incoming));
  return Returned{.kernel = std::move(next), .bound = back};
}

HOLDFAST_CASE(DeviceState, RegistersAnswerAfterwards,
              "the registers of a retrieved device can be written and read through its file", .level = Level::kRetrieve,
              .devices = one_device({"dma-engine"})) {
  Returned returned = MUST(bring_over(scenario));
  Edu edu(scenario, returned.kernel, returned.bound);
  MUST(edu.enable());
  const uint32_t id = MUST(edu.identification());
  EXPECT_EQ(id, Edu::kIdentification);
  const uint32_t complement = MUST(edu.complement_of(0x12345678));
  EXPECT_EQ(complement, ~0x12345678U);
}

HOLDFAST_CASE(DeviceState, MsiIsDeliveredAfterwards, "an MSI that a retrieved device raises reaches its eventfd",
              .level = Level::kRetrieve, .devices = one_device({"dma-engine", "msi"})) {
  Returned returned = MUST(bring_over(scenario));
  Edu edu(scenario, returned.kernel, returned.bound);
  MUST(edu.enable());
  const uint64_t came = MUST(edu.count_one_interrupt(kMsi));
  EXPECT_EQ(came, 1U);
}

HOLDFAST_CASE(DeviceState, IntxIsDeliveredAfterwards, "an INTx that a retrieved device raises reaches its eventfd",
              .level = Level::kRetrieve, .devices = one_device({"dma-engine", "intx"})) {
  Returned returned = MUST(bring_over(scenario));
  Edu edu(scenario, returned.kernel, returned.bound);
  MUST(edu.enable());
  const uint64_t came = MUST(edu.count_one_interrupt(kIntx));
  EXPECT_EQ(came, 1U);
}

HOLDFAST_CASE(DeviceState, DmaReachesMemoryAfterwards,
              "a retrieved device takes bytes from memory and puts them back through an address space of its iommufd",
              .level = Level::kRetrieve, .devices = one_device({"dma-engine"})) {
  constexpr uint64_t kCopy = 4096;
  Returned returned = MUST(bring_over(scenario));
  Edu edu(scenario, returned.kernel, returned.bound);
  MUST(edu.enable());
  const Memory memory = MUST(scenario.create_memory(returned.kernel, kBytes));
  MUST(edu.map(memory));
  MUST(edu.take_from_memory(0, Edu::kMostBytes));
  MUST(edu.put_into_memory(kCopy, Edu::kMostBytes));
  const auto sent = MUST(edu.memory_at(0, Edu::kMostBytes));
  const auto back = MUST(edu.memory_at(kCopy, Edu::kMostBytes));
  EXPECT_TRUE(sent == back) << "the bytes that came back are not those that were sent";
}

HOLDFAST_CASE(DeviceState, ResetWorksAfterwards, "a retrieved device can be reset, and answers again after it",
              .level = Level::kRetrieve, .devices = one_device({"dma-engine", "reset"})) {
  Returned returned = MUST(bring_over(scenario));
  Edu edu(scenario, returned.kernel, returned.bound);
  MUST(edu.enable());
  MUST(edu.reset());
  MUST(edu.enable());
  const uint32_t id = MUST(edu.identification());
  EXPECT_EQ(id, Edu::kIdentification);
}

HOLDFAST_CASE(DeviceState, WorksInBothKernels,
              "a device whose interrupts and DMA were in use before the kexec does the same in the next kernel",
              .level = Level::kRetrieve, .devices = one_device({"dma-engine", "msi", "intx", "reset"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Edu before(scenario, kernel, bound);
  MUST(before.enable());
  const Memory memory = MUST(scenario.create_memory(kernel, kBytes));
  const std::string trouble_before = MUST(trouble_with(before, memory));
  ASSERT_EQ(trouble_before, "") << "in kernel A";

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "device"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  Edu after(scenario, next, back);
  MUST(after.enable());
  const Memory fresh = MUST(scenario.create_memory(next, kBytes));
  const std::string trouble_after = MUST(trouble_with(after, fresh));
  EXPECT_EQ(trouble_after, "") << "in kernel B";
  MUST(scenario.finish(next, incoming));
}

}  // namespace
}  // namespace holdfast
