// What becomes of a live update when the next kernel is another one: of another build, or one that takes nothing over?
#include "fixtures/case.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

constexpr uint64_t kBytes = uint64_t{1} << 18;

/// Binds the device to vfio-pci in a kernel that took nothing over, uses it, and gives it back.
Result<void> use_as_any_other(Scenario& scenario, Running& kernel, const Device& device) {
  const Bound bound = TRY(scenario.bind(kernel, device));
  TRY(scenario.exercise(kernel, bound));
  return scenario.restore(kernel, bound);
}

/// The errno of opening /dev/liveupdate, as a name; "open" when it can be opened.
Result<std::string> liveupdate_of(Scenario& scenario, Running& kernel) {
  const auto offers = TRY(scenario.call(Phase::kVerify, kernel, wire::Offers{}));
  return offers.liveupdate ? "open" : errno_name(offers.liveupdate_errno);
}

HOLDFAST_CASE(Pairs, ThereAndBackAgain,
              "a device and a memfd go to a kernel of another release and build, and back to the first",
              .level = Level::kRetrieve, .devices = one_device(), .other_kernel = renamed_kernel(),
              .timeout = std::chrono::seconds(240)) {
  Running first = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(first, scenario.device()));
  Memory memory = MUST(scenario.create_memory(first, kBytes));
  Session session = MUST(scenario.create_session(first, "there"));
  MUST(scenario.preserve(first, session, bound, 1));
  MUST(scenario.preserve(first, session, memory, 2));
  const std::string release = first.agent().hello().release;

  Running second = MUST(scenario.kexec(std::move(first), {.expected = {bound}, .kernel = "renamed"}));
  EXPECT_NE(second.agent().hello().release, release);
  MUST(scenario.verify(second));
  Bound arrived = MUST(scenario.bind_driver(second, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(second, "there"));
  Bound away = MUST(scenario.retrieve(second, incoming, arrived, 1));
  Memory memory_away = MUST(scenario.retrieve(second, incoming, memory, 2));
  MUST(scenario.finish(second, incoming));
  Session outgoing = MUST(scenario.create_session(second, "back"));
  MUST(scenario.preserve(second, outgoing, away, 1));
  MUST(scenario.preserve(second, outgoing, memory_away, 2));

  Running third = MUST(scenario.kexec(std::move(second), {.expected = {away}, .kernel = kKernelA}));
  EXPECT_EQ(third.agent().hello().release, release);
  MUST(scenario.verify(third));
  Bound again = MUST(scenario.bind_driver(third, scenario.device()));
  Session last = MUST(scenario.retrieve_session(third, "back"));
  Bound home = MUST(scenario.retrieve(third, last, again, 1));
  Memory memory_home = MUST(scenario.retrieve(third, last, memory, 2));
  MUST(scenario.exercise(third, home));
  const std::string digest = MUST(scenario.digest_of(third, memory_home));
  EXPECT_EQ(digest, memory.sha256);
  MUST(scenario.finish(third, last));
}

// KHO and LUO are built into that kernel, and the handover data is there: but it was told not to look. LUO goes with
// KHO (luo_early_startup() in kernel/liveupdate/luo_core.c), and without LUO there is no device node.
HOLDFAST_CASE(Pairs, KernelWithKhoOffOffersNothing,
              "after a kexec to a kernel with kho=off there is no /dev/liveupdate, and the device is as free as any",
              .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Running next = MUST(scenario.kexec(std::move(kernel), {.append = "kho=off", .expected = {bound}}));
  MUST(scenario.verify(next));
  const std::string answer = MUST(liveupdate_of(scenario, next));
  EXPECT_EQ(answer, "ENOENT");
  MUST(use_as_any_other(scenario, next, scenario.device()));
}

HOLDFAST_CASE(
    Pairs, KernelWithLiveUpdateOffOffersNothing,
    "after a kexec to a kernel with liveupdate=off there is no /dev/liveupdate, and the device is as free as any",
    .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Running next = MUST(scenario.kexec(std::move(kernel), {.append = "liveupdate=off", .expected = {bound}}));
  MUST(scenario.verify(next));
  const std::string answer = MUST(liveupdate_of(scenario, next));
  EXPECT_EQ(answer, "ENOENT");
  MUST(use_as_any_other(scenario, next, scenario.device()));
}

// LUO reads all sessions when its node is opened, and gives up when one has a file that nobody handles (luo_open() in
// kernel/liveupdate/luo_core.c). A LUO that cannot even read A's data has no node.
HOLDFAST_CASE(
    Pairs, KernelWithoutTheHandlerOffersNothing,
    "a kernel without a handler for vfio-pci files does not open /dev/liveupdate, and the device is as free as any",
    .level = Level::kPreserve, .devices = one_device(), .other_kernel = stock_kernel()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}, .kernel = "stock"}));
  MUST(scenario.verify(next));
  const std::string answer = MUST(liveupdate_of(scenario, next));
  EXPECT_TRUE(answer == "EIO" || answer == "ENOENT") << "opening /dev/liveupdate: " << answer;
  MUST(use_as_any_other(scenario, next, scenario.device()));
}

// Where KHO is on, a kernel is loaded into the scratch areas or not at all: only there is nothing that is preserved
// (kho_locate_mem_hole() in kernel/liveupdate/kexec_handover.c).
HOLDFAST_CASE(Pairs, KernelThatDoesNotFitIntoScratchIsRefused,
              "with scratch areas too small for the next kernel, loading it is EADDRNOTAVAIL, and all goes on",
              .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot({.append = "kho_scratch=2M,2M,2M"}));
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "device"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  const std::string answer = MUST(scenario.load_refused(kernel));
  EXPECT_EQ(answer, "EADDRNOTAVAIL");
  MUST(scenario.exercise(kernel, bound));
  MUST(scenario.close_session(kernel, session));
  MUST(scenario.restore(kernel, bound));
}

}  // namespace
}  // namespace holdfast
