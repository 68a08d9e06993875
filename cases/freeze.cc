// Does the kernel refuse the kexec when a preserved device is not ready for it, and go on unharmed?
#include <algorithm>

#include "fixtures/case.h"

namespace holdfast {
namespace {

/// The interrupts of the kind that the device prefers: MSI-X over MSI over INTx (the order of the vfio indices).
const wire::VfioIrq* preferred(const wire::VfioInfoReply& info) {
  const wire::VfioIrq* best = nullptr;
  for (const wire::VfioIrq& irq : info.irqs) {
    if (irq.index <= 2 && irq.count > 0) best = &irq;
  }
  return best;
}

HOLDFAST_CASE(
    Freeze, InterruptsOnRefuseTheKexec,
    "with an interrupt enabled reboot(KEXEC) is EINVAL, the old kernel goes on, and with it off the kexec works",
    .level = Level::kPreserve, .devices = one_device()) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "interrupts"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  const auto info = MUST(scenario.call(Phase::kBind, kernel, wire::VfioInfo{.device = bound.cdev}));
  const wire::VfioIrq* irq = preferred(info);
  ASSERT_NE(irq, nullptr) << bound.device.role << " has no interrupts";
  MUST(scenario.call(Phase::kBind, kernel, wire::VfioIrqSet{.device = bound.cdev, .index = irq->index, .count = 1}));

  const std::string answer = MUST(scenario.kexec_refused(kernel));
  EXPECT_EQ(answer, "EINVAL");
  const auto same = MUST(scenario.call(Phase::kBind, kernel, wire::Hello{}));
  EXPECT_EQ(same.boot_id, kernel.agent().boot_id());
  MUST(scenario.call(Phase::kBind, kernel, wire::VfioInfo{.device = bound.cdev}));

  MUST(scenario.call(Phase::kBind, kernel, wire::VfioIrqSet{.device = bound.cdev, .index = irq->index, .count = 0}));
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
}

}  // namespace
}  // namespace holdfast
