// Does a device go to vfio-pci and back without harm?
#include "fixtures/case.h"

namespace holdfast {
namespace {

std::string driver_of(const wire::PciListReply& list, const std::string& bdf) {
  for (const wire::PciFunction& function : list.functions) {
    if (function.bdf == bdf) return function.driver;
  }
  return "(no device)";
}

HOLDFAST_CASE(Binding, NativeDriverComesBack,
              "a device that is bound to vfio-pci and given back is driven by its native driver again",
              .level = Level::kKexec, .devices = one_device({"native-driver"})) {
  Running kernel = MUST(scenario.boot());
  const std::string bdf = scenario.device().bdf;
  const auto before = MUST(scenario.call(Phase::kVerify, kernel, wire::PciList{}));
  const std::string native = driver_of(before, bdf);
  REQUIRE_INVENTORY(!native.empty(), bdf + " has no driver in kernel A");

  Bound bound = MUST(scenario.bind_driver(kernel, scenario.device()));
  const auto during = MUST(scenario.call(Phase::kVerify, kernel, wire::PciList{}));
  EXPECT_EQ(driver_of(during, bdf), "vfio-pci");

  MUST(scenario.restore(kernel, bound));
  const auto after = MUST(scenario.call(Phase::kVerify, kernel, wire::PciList{}));
  EXPECT_EQ(driver_of(after, bdf), native);
}

}  // namespace
}  // namespace holdfast
