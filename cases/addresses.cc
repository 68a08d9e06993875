// Does every device keep its address when the kernel is replaced?
#include <algorithm>

#include "fixtures/case.h"

namespace holdfast {
namespace {

HOLDFAST_CASE(
    Addresses, PlainKexecMovesNothing,
    "after a kexec with nothing preserved every function has the address, ids, BARs and bridge numbers it had",
    .level = Level::kKexec) {
  Running kernel = MUST(scenario.boot());
  ASSERT_FALSE(kernel.arrived().functions().empty());
  Running next = MUST(scenario.kexec(std::move(kernel)));
  MUST(scenario.verify(next));
  EXPECT_EQ(next.arrived().functions().size(), next.before().functions().size());
}

// The control for every case that says "it did not move": here a device does move, and has to be found. Bus numbers are
// given out afresh with room for four behind each hot-plug port, so that what was on bus 3 comes out on bus 9.
HOLDFAST_CASE(Addresses, MovedDeviceIsFound,
              "a device that comes back on another bus, since nothing preserved it, is reported as moved",
              .level = Level::kKexec, .target_traits = {"bus-numbers-can-move"}) {
  Running kernel = MUST(scenario.boot());
  Running next = MUST(scenario.kexec(std::move(kernel), {.append = "pci=assign-busses,hpbussize=4"}));
  const bool found = std::ranges::any_of(scenario.changes(), [](const PciChange& change) {
    return change.register_name == "address" && change.before == "0000:03:00.0" && change.allowed.empty();
  });
  if (!found)
    harness_is_blind("0000:03:00.0 was moved by pci=assign-busses,hpbussize=4, and no change of address was seen");
  if (scenario.verify(next).ok()) harness_is_blind("verify passed although a device was moved");
}

}  // namespace
}  // namespace holdfast
