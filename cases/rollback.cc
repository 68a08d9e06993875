// When one preserved file refuses the kexec, is everything else as usable as before?
//
// LUO freezes session after session, file after file, in the order in which they were created and preserved. The first
// refusal ends that, and what was frozen is taken back (luo_file_freeze() in kernel/liveupdate/luo_file.c and
// luo_session_serialize() in luo_session.c of Linux 7.3). Where the refusing file stands decides what there is to take
// back, so it is tried last, first, and in another session.
#include <optional>

#include "fixtures/case.h"
#include "fixtures/edu.h"

namespace holdfast {
namespace {

constexpr uint64_t kBytes = uint64_t{1} << 16;

/// The first memory BAR that can be read.
std::optional<uint32_t> readable_bar(const wire::VfioInfoReply& info) {
  constexpr uint32_t kRegionRead = 1;  // VFIO_REGION_INFO_FLAG_READ
  for (const wire::VfioRegion& region : info.regions) {
    if (region.index < 6 && region.size >= 4 && (region.flags & kRegionRead) != 0) return region.index;
  }
  return std::nullopt;
}

/// Bus mastering and memory decoding are on as before, a BAR answers, interrupts go on and off, memory is mapped. A
/// device that has a DMA engine has to use it, and to raise interrupts.
void expect_as_usable(Scenario& scenario, Running& kernel, const Bound& bound) {
  const uint16_t command = MUST(read_config_word(scenario, kernel, bound, kCommand));
  EXPECT_NE(command & kCommandMaster, 0) << bound.device.role << ": bus mastering is off";
  EXPECT_NE(command & kCommandMemory, 0) << bound.device.role << ": memory decoding is off";

  const auto info = MUST(scenario.call(Phase::kExercise, kernel, wire::VfioInfo{.device = bound.cdev}));
  if (const auto bar = readable_bar(info)) {
    MUST(scenario.call(Phase::kExercise, kernel,
                       wire::VfioRead{.device = bound.cdev, .region = *bar, .offset = 0, .length = 4}));
  }
  if (bound.device.has("dma-engine")) {
    Edu edu(scenario, kernel, bound);
    const Memory memory = MUST(scenario.create_memory(kernel, kBytes));
    const std::string trouble = MUST(trouble_with(edu, memory));
    EXPECT_EQ(trouble, "") << bound.device.role;
  } else {
    MUST(scenario.exercise(kernel, bound));
  }
}

/// Devices that are in use, the refusing one aside.
struct Party {
  std::vector<Bound> others;
  Bound refusing;
};

/// Binds all devices; the first of them is the one that will refuse. The others get memory decoding, bus mastering and
/// a bit of the user's own choice turned on, as a driver in user space would have them.
Result<Party> gather(Scenario& scenario, Running& kernel) {
  Party party;
  for (const Device& device : scenario.devices()) {
    Bound bound = TRY(scenario.bind(kernel, device));
    if (party.refusing.cdev == 0) {
      party.refusing = std::move(bound);
      continue;
    }
    TRY(turn_on(scenario, kernel, bound, kCommandMemory | kCommandMaster));
    TRY(flip_serr(scenario, kernel, bound));
    party.others.push_back(std::move(bound));
  }
  return party;
}

/// Config space of all functions as the hardware has it; vfio shows its user some registers that are not real.
Result<PciSnapshot> look(Scenario& scenario, Running& kernel) {
  return PciSnapshot::from(TRY(scenario.call(Phase::kVerify, kernel, wire::PciList{})));
}

/// Asks for the kexec, which is refused since an interrupt of one device is on, and looks at all others.
void refuse_and_look(Scenario& scenario, Running& kernel, const Party& party) {
  const uint32_t kind = MUST(preferred_interrupts(scenario, kernel, party.refusing));
  MUST(interrupt_on(scenario, kernel, party.refusing, kind));
  const PciSnapshot before = MUST(look(scenario, kernel));
  const std::string answer = MUST(scenario.kexec_refused(kernel));
  EXPECT_EQ(answer, "EINVAL");
  const auto differences = forbidden(compare(before, MUST(look(scenario, kernel)), {}));
  EXPECT_TRUE(differences.empty()) << format_diff(differences);
  for (const Bound& other : party.others) expect_as_usable(scenario, kernel, other);
}

constexpr uint64_t kRefusingToken = 100;

Result<void> preserve_others(Scenario& scenario, Running& kernel, const Session& session, const Party& party) {
  uint64_t token = 0;
  for (const Bound& other : party.others) TRY(scenario.preserve(kernel, session, other, ++token));
  return {};
}

HOLDFAST_CASE(Freeze, RefusalOfOneLeavesTheOthersUsable,
              "when the last file of a session refuses, every device that was frozen before works as before",
              .level = Level::kPreserve, .devices = several_devices(4)) {
  Running kernel = MUST(scenario.boot());
  const Party party = MUST(gather(scenario, kernel));
  Session session = MUST(scenario.create_session(kernel, "all"));
  MUST(preserve_others(scenario, kernel, session, party));
  MUST(scenario.preserve(kernel, session, party.refusing, kRefusingToken));
  refuse_and_look(scenario, kernel, party);
}

HOLDFAST_CASE(Freeze, RefusalOfTheFirstLeavesTheOthersUsable,
              "when the first file of a session refuses, every device behind it works as before",
              .level = Level::kPreserve, .devices = several_devices(4)) {
  Running kernel = MUST(scenario.boot());
  const Party party = MUST(gather(scenario, kernel));
  Session session = MUST(scenario.create_session(kernel, "all"));
  MUST(scenario.preserve(kernel, session, party.refusing, kRefusingToken));
  MUST(preserve_others(scenario, kernel, session, party));
  refuse_and_look(scenario, kernel, party);
}

HOLDFAST_CASE(Freeze, RefusalInOneSessionLeavesTheOtherUsable,
              "when a file of the second session refuses, every device of the first works as before",
              .level = Level::kPreserve, .devices = several_devices(4)) {
  Running kernel = MUST(scenario.boot());
  const Party party = MUST(gather(scenario, kernel));
  Session first = MUST(scenario.create_session(kernel, "ready"));
  MUST(preserve_others(scenario, kernel, first, party));
  Session second = MUST(scenario.create_session(kernel, "not-ready"));
  MUST(scenario.preserve(kernel, second, party.refusing, kRefusingToken));
  refuse_and_look(scenario, kernel, party);
}

HOLDFAST_CASE(Freeze, KexecWorksAfterARefusal,
              "after a refusal that froze and thawed its devices a session goes through the next kexec as a whole",
              .level = Level::kPreserve, .devices = several_devices(4)) {
  Running kernel = MUST(scenario.boot());
  Session session = MUST(scenario.create_session(kernel, "all"));
  std::vector<Bound> bound;
  for (const Device& device : scenario.devices()) {
    bound.push_back(MUST(scenario.bind(kernel, device)));
    MUST(scenario.preserve(kernel, session, bound.back(), bound.size()));
  }
  const Bound& refusing = bound.back();
  const uint32_t kind = MUST(preferred_interrupts(scenario, kernel, refusing));
  MUST(interrupt_on(scenario, kernel, refusing, kind));
  const std::string answer = MUST(scenario.kexec_refused(kernel));
  EXPECT_EQ(answer, "EINVAL");

  MUST(interrupts_off(scenario, kernel, refusing, kind));
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = bound}));
  MUST(scenario.verify(next));
  MUST(scenario.retrieve_session(next, "all"));
}

}  // namespace
}  // namespace holdfast
